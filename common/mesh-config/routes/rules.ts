import { z } from 'zod';
import { GRPC_SERVICE, labelField, METHOD, matchedPathField } from '../fields.ts';
import {
  DAY_MS,
  durationMsField,
  fieldName,
  fieldValue,
  grpcCodeField,
  percentField,
  serviceRef,
} from './fields.ts';
import { grpcFilter, httpFilter } from './filters.ts';

// The Gateway API's own bounds, or more.
const MAX_RULES = 64;
const MAX_MATCHES = 64;
const MAX_VALUES = 16;
const MAX_FILTERS = 16;
const MAX_BACKENDS = 16;
const MAX_PARENTS = 32;

/** More tries make an outage worse, not shorter. */
const MAX_RETRIES = 10;

const exact = z.literal('Exact', 'expected Exact').optional();

function namedList<Item extends z.ZodType<{ readonly name: string }>>(item: Item, what: string) {
  return z
    .array(item)
    .max(MAX_VALUES)
    .refine(
      (values) => new Set(values.map(({ name }) => name)).size === values.length,
      `expected each ${what} once`,
    )
    .default([]);
}

const header = z.strictObject({ type: exact, name: fieldName, value: fieldValue });

const queryParam = z.strictObject({
  type: exact,
  name: z.string().min(1, 'expected a name').max(256),
  value: z.string().max(1_024),
});

const headers = namedList(header, 'header');

const httpMatch = z.strictObject({
  path: z
    .strictObject({
      type: z.enum(['Exact', 'PathPrefix'], 'expected Exact or PathPrefix').default('PathPrefix'),
      value: matchedPathField,
    })
    .optional(),
  headers,
  queryParams: namedList(queryParam, 'query parameter'),
  method: z.string().regex(METHOD, 'expected a method as in GET').optional(),
});

const grpcMethod = z
  .strictObject({
    type: exact,
    service: z
      .string()
      .regex(GRPC_SERVICE, 'expected a gRPC service with its package as in shop.Orders')
      .optional(),
    method: z
      .string()
      .regex(/^[A-Za-z_]\w{0,255}$/, 'expected a method of a gRPC service as in Get')
      .optional(),
  })
  .refine(({ service, method }) => service !== undefined || method !== undefined, {
    message: 'expected a service, a method, or both',
  });

const grpcMatch = z.strictObject({ method: grpcMethod.optional(), headers });

const backendRef = z.strictObject({
  ...serviceRef,
  weight: z
    .int('expected a whole number from 0 to 1000000')
    .min(0, 'expected a whole number from 0 to 1000000')
    .max(1_000_000, 'expected a whole number from 0 to 1000000')
    .default(1),
});

const timeouts = z
  .strictObject({
    request: durationMsField({ min: 0, max: DAY_MS }).optional(),
    backendRequest: durationMsField({ min: 0, max: DAY_MS }).optional(),
  })
  .refine(({ request = 0, backendRequest = 0 }) => request === 0 || backendRequest <= request, {
    message: 'expected a backendRequest that is no longer than request, which has it in it',
  });

function retry<Code extends z.ZodType<number>>(code: Code) {
  return z.strictObject({
    codes: z.array(code).max(MAX_VALUES).default([]),
    attempts: z
      .int(`expected a whole number from 1 to ${MAX_RETRIES}`)
      .min(1, `expected a whole number from 1 to ${MAX_RETRIES}`)
      .max(MAX_RETRIES, `expected a whole number from 1 to ${MAX_RETRIES}`)
      .default(1),
    backoff: durationMsField({ min: 1, max: 60_000 }).default(25),
  });
}

const statusCode = (min: number) => {
  const message = `expected a status code from ${min} to 599`;
  return z.int(message).min(min, message).max(599, message);
};

const cookieConfig = z.strictObject({
  lifetimeType: z
    .enum(['Session', 'Permanent'], 'expected Session or Permanent')
    .default('Session'),
});

const sessionPersistence = z
  .strictObject({
    type: z.enum(['Cookie', 'Header'], 'expected Cookie or Header').default('Cookie'),
    sessionName: z
      .string()
      .regex(/^[!#$%&'*+\-.^_`|~0-9A-Za-z]{1,128}$/, 'expected the name of a cookie or a header'),
    absoluteTimeout: durationMsField({ min: 1_000, max: 365 * DAY_MS }).optional(),
    idleTimeout: durationMsField({ min: 1_000, max: 365 * DAY_MS }).optional(),
    cookieConfig: cookieConfig.optional(),
  })
  .superRefine(({ type, absoluteTimeout, cookieConfig: cookie }, context) => {
    if (cookie === undefined) return;
    if (type === 'Header') {
      const message = 'expected a cookieConfig for the type Cookie only';
      context.addIssue({ code: 'custom', message });
    }
    if (cookie.lifetimeType === 'Permanent' && absoluteTimeout === undefined) {
      const message = 'expected an absoluteTimeout for a Permanent cookie';
      context.addIssue({ code: 'custom', message });
    }
  });

const delay = z.strictObject({
  fixedDelay: durationMsField({ min: 1, max: 3_600_000 }),
  percentage: percentField.default(100),
});

const httpAbort = z.strictObject({
  httpStatus: statusCode(200),
  grpcStatus: grpcCodeField.optional(),
  percentage: percentField.default(100),
});

const grpcAbort = z.strictObject({
  grpcStatus: grpcCodeField,
  percentage: percentField.default(100),
});

function fault<Abort extends z.ZodType>(abort: Abort) {
  return z
    .strictObject({ delay: delay.optional(), abort: abort.optional() })
    .refine(({ delay: slow, abort: failed }) => slow !== undefined || failed !== undefined, {
      message: 'expected a delay, an abort, or both',
    })
    .optional();
}

const name = labelField.optional();
const backendRefs = z.array(backendRef).max(MAX_BACKENDS).default([]);

const httpRule = z.strictObject({
  name,
  matches: z.array(httpMatch).max(MAX_MATCHES).default([]),
  filters: z.array(httpFilter).max(MAX_FILTERS).default([]),
  backendRefs,
  timeouts: timeouts.prefault({}),
  retry: retry(statusCode(400)).optional(),
  sessionPersistence: sessionPersistence.optional(),
  faultInjection: fault(httpAbort),
});

const grpcRule = z.strictObject({
  ...httpRule.shape,
  matches: z.array(grpcMatch).max(MAX_MATCHES).default([]),
  filters: z.array(grpcFilter).max(MAX_FILTERS).default([]),
  retry: retry(grpcCodeField).optional(),
  faultInjection: fault(grpcAbort),
});

const route = {
  name: labelField,
  parentRefs: z
    .array(z.strictObject(serviceRef))
    .min(1, 'expected at least one service')
    .max(MAX_PARENTS),
};

/** An HTTPRoute. */
export const httpRoute = z.strictObject({
  ...route,
  rules: z.array(httpRule).min(1, 'expected at least one rule').max(MAX_RULES).prefault([{}]),
});

/** A GRPCRoute. */
export const grpcRoute = z.strictObject({
  ...route,
  rules: z.array(grpcRule).min(1, 'expected at least one rule').max(MAX_RULES).prefault([{}]),
});

/** A rule of one of the two. */
export type RuleConfig = z.output<typeof httpRule> | z.output<typeof grpcRule>;

/** The keys of routes, their rules and what is in these. */
export const ROUTE_KEYS: readonly string[] = [
  httpRoute,
  httpRule,
  httpMatch,
  header,
  grpcMethod,
  backendRef,
  timeouts,
  retry(statusCode(400)),
  sessionPersistence,
  cookieConfig,
  delay,
  httpAbort,
].flatMap(({ shape }) => Object.keys(shape));
