import { z } from 'zod';
import type { PathModifier, RouteFilters, ServicePort } from '../../routes/route.ts';
import { pathField, portField } from '../fields.ts';
import {
  fieldName,
  fieldValue,
  hostnameField,
  percentField,
  type ServiceRef,
  serviceRef,
} from './fields.ts';

/** The Gateway API's own bound. */
const MAX_FIELDS = 16;

const namedValue = z.strictObject({ name: fieldName, value: fieldValue });

const headerModifier = z
  .strictObject({
    set: z.array(namedValue).max(MAX_FIELDS).default([]),
    add: z.array(namedValue).max(MAX_FIELDS).default([]),
    remove: z.array(fieldName).max(MAX_FIELDS).default([]),
  })
  .superRefine(({ set, add, remove }, context) => {
    const names = [...set.map(({ name }) => name), ...add.map(({ name }) => name), ...remove];
    const twice = names.find((name, at) => names.indexOf(name) < at);
    const message = `expected each header once in set, add and remove, got ${twice} twice`;
    if (twice !== undefined) context.addIssue({ code: 'custom', message });
  });

const pathModifier = z
  .discriminatedUnion('type', [
    z.strictObject({ type: z.literal('ReplaceFullPath'), replaceFullPath: pathField }),
    z.strictObject({ type: z.literal('ReplacePrefixMatch'), replacePrefixMatch: pathField }),
  ])
  .transform((given): PathModifier =>
    given.type === 'ReplaceFullPath'
      ? { type: given.type, value: given.replaceFullPath }
      : { type: given.type, value: given.replacePrefixMatch },
  );

const requestRedirect = z.strictObject({
  scheme: z.enum(['http', 'https'], 'expected http or https').optional(),
  hostname: hostnameField.optional(),
  path: pathModifier.optional(),
  port: portField.optional(),
  statusCode: z
    .union(
      [301, 302, 303, 307, 308].map((code) => z.literal(code)),
      {
        error: 'expected 301, 302, 303, 307 or 308',
      },
    )
    .default(302),
});

const urlRewrite = z
  .strictObject({ hostname: hostnameField.optional(), path: pathModifier.optional() })
  .refine(({ hostname, path }) => hostname !== undefined || path !== undefined, {
    message: 'expected a hostname, a path, or both',
  });

const requestMirror = z.strictObject({
  backendRef: z.strictObject(serviceRef),
  /** Of all requests, these are copied. */
  percent: percentField.default(100),
});

const forBoth = [
  z.strictObject({
    type: z.literal('RequestHeaderModifier'),
    requestHeaderModifier: headerModifier,
  }),
  z.strictObject({
    type: z.literal('ResponseHeaderModifier'),
    responseHeaderModifier: headerModifier,
  }),
  z.strictObject({ type: z.literal('RequestMirror'), requestMirror }),
] as const;

/** What an HTTPRoute may do to requests. */
export const httpFilter = z.discriminatedUnion('type', [
  ...forBoth,
  z.strictObject({ type: z.literal('RequestRedirect'), requestRedirect }),
  z.strictObject({ type: z.literal('URLRewrite'), urlRewrite }),
]);

/** What a GRPCRoute may do to requests. */
export const grpcFilter = z.discriminatedUnion('type', [...forBoth]);

type Filter = z.output<typeof httpFilter>;

/** The keys of filters. */
export const FILTER_KEYS: readonly string[] = [
  'type',
  ...[headerModifier, requestRedirect, urlRewrite, requestMirror].flatMap(({ shape }) =>
    Object.keys(shape),
  ),
];

/**
 * The filters of a rule as one object.
 *
 * @param resolve completes a service's name; `at` is the filter's place in the list
 * @param complain takes what is wrong with the filter at a place
 */
export function toFilters(
  filters: readonly Filter[],
  resolve: (ref: ServiceRef, at: number) => ServicePort,
  complain: (message: string, at: number) => void,
): RouteFilters {
  const seen = new Set<string>();
  for (const [at, { type }] of filters.entries()) {
    if (type === 'RequestMirror') continue;
    if (seen.has(type)) complain(`expected one ${type}, got another one`, at);
    if (seen.has('RequestRedirect') && type === 'URLRewrite') complain(REDIRECT_OR_REWRITE, at);
    if (seen.has('URLRewrite') && type === 'RequestRedirect') complain(REDIRECT_OR_REWRITE, at);
    seen.add(type);
  }
  const parts = filters.flatMap((filter): Partial<RouteFilters>[] => {
    switch (filter.type) {
      case 'RequestHeaderModifier':
        return [{ requestHeaders: filter.requestHeaderModifier }];
      case 'ResponseHeaderModifier':
        return [{ responseHeaders: filter.responseHeaderModifier }];
      case 'RequestRedirect':
        return [{ redirect: filter.requestRedirect }];
      case 'URLRewrite':
        return [{ rewrite: filter.urlRewrite }];
      case 'RequestMirror':
        return [];
    }
  });
  const mirrors = filters.flatMap((filter, at) => {
    if (filter.type !== 'RequestMirror') return [];
    const { backendRef, percent } = filter.requestMirror;
    return [{ ...resolve(backendRef, at), percent }];
  });
  return Object.assign({ mirrors }, ...parts) as RouteFilters;
}

const REDIRECT_OR_REWRITE = 'expected a RequestRedirect or a URLRewrite, and not both';
