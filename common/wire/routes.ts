import { z } from 'zod';
import { isLabel } from '../names.ts';
import type { Routes } from '../routes/backend-policy.ts';
import { pathMatchField, portField } from './fields.ts';

/** What a sidecar has to know to understand our routes. To be raised with every addition that an older one would overlook. */
const ROUTES_LEVEL = 1;

const list = <Item extends z.ZodType>(item: Item) => z.array(item).readonly();
const atLeastOne = <Item extends z.ZodType>(item: Item, expected: string) =>
  z.array(item).min(1, expected).readonly();
const count = z.int().nonnegative();
const share = z.number().min(0).max(100);
const label = z.string().refine(isLabel, 'names of services');
const text = z.string();

const servicePort = { namespace: label, service: label, port: portField };
const namedValue = z.object({ name: text, value: text });

const match = z.object({
  path: pathMatchField.optional(),
  grpcMethod: z.object({ service: text.optional(), method: text.optional() }).optional(),
  method: text.optional(),
  headers: list(namedValue),
  queryParams: list(namedValue),
});

const headerModifier = z.object({
  set: list(namedValue),
  add: list(namedValue),
  remove: list(text),
});

const pathModifier = z.object({
  type: z.enum(['ReplaceFullPath', 'ReplacePrefixMatch'], 'a known change of a path'),
  value: text.startsWith('/', 'a path'),
});

const filters = z.object({
  requestHeaders: headerModifier.optional(),
  responseHeaders: headerModifier.optional(),
  redirect: z
    .object({
      scheme: z.enum(['http', 'https'], 'http or https').optional(),
      hostname: text.optional(),
      path: pathModifier.optional(),
      port: portField.optional(),
      statusCode: z.int().min(300).max(399),
    })
    .optional(),
  rewrite: z.object({ hostname: text.optional(), path: pathModifier.optional() }).optional(),
  mirrors: list(z.object({ ...servicePort, percent: share })),
});

const faultInjection = z.object({
  delay: z.object({ fixedDelayMs: count, percentage: share }).optional(),
  abort: z
    .object({
      httpStatus: z.int().min(200).max(599),
      grpcStatus: z.int().min(0).max(16).optional(),
      percentage: share,
    })
    .optional(),
});

const rule = z.object({
  name: text,
  matches: atLeastOne(match, 'rules with matches'),
  filters,
  backends: list(z.object({ ...servicePort, weight: count })),
  timeouts: z.object({ requestMs: count.optional(), backendRequestMs: count.optional() }),
  retry: z.object({ codes: list(count), attempts: count, backoffMs: count }).optional(),
  sessionPersistence: z
    .object({
      type: z.enum(['Cookie', 'Header'], 'sessions by Cookie or Header'),
      sessionName: text,
      absoluteTimeoutMs: count.optional(),
      idleTimeoutMs: count.optional(),
      cookieLifetime: z.enum(['Session', 'Permanent'], 'cookies that are Session or Permanent'),
    })
    .optional(),
  faultInjection: faultInjection.optional(),
});

const route = z.object({
  kind: z.enum(['http', 'grpc'], 'routes for http or grpc'),
  name: text,
  parents: atLeastOne(z.object(servicePort), 'routes with parents'),
  rules: atLeastOne(rule, 'routes with rules'),
});

const rate = { intervalMs: z.int().positive() };

const backendPolicy = z.object({
  targets: atLeastOne(z.object(servicePort), 'backends with targets'),
  appProtocol: z.enum(['http', 'h2c'], 'backends that speak http or h2c').optional(),
  loadBalancer: z.enum(['LeastRequest', 'RoundRobin', 'Random'], 'a known load balancer'),
  outlierDetection: z.object({
    consecutive5xxErrors: count,
    baseEjectionTimeMs: count,
    maxEjectionPercent: share,
  }),
  circuitBreaker: z.object({ maxParallelRequests: count, maxPendingRequests: count }),
  rateLimit: z.object({ requests: z.int().positive(), ...rate }).optional(),
  retryConstraint: z.object({
    budget: z.object({ percent: share, ...rate }),
    minRetryRate: z.object({ count, ...rate }),
  }),
});

/** What a mesh says about HTTP, as it travels (`hauberk.v1.Routes`) and is saved. */
export const routesField = z.codec(
  z.object({
    level: z
      .number()
      .max(ROUTES_LEVEL, `routes of a level up to ${ROUTES_LEVEL}: update this sidecar`),
    routes: list(route),
    backends: list(backendPolicy),
  }),
  z.custom<Routes>(),
  {
    decode: ({ routes, backends }): Routes => ({ routes, backends }),
    encode: ({ routes, backends }) => ({ level: ROUTES_LEVEL, routes, backends }),
  },
);
