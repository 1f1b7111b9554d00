import { isIP } from 'node:net';
import { z } from 'zod';
import { readEgressHost } from '../../authorization/egress-pattern.ts';
import { type Bounds, valueType } from '../../config/values.ts';
import { GRPC_STATUSES } from '../../routes/grpc-statuses.ts';
import { labelField, portField } from '../fields.ts';

const MS_PER_UNIT: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1_000, ms: 1 };

const DURATION = /^(?:\d{1,5}(?:ms|h|m|s)){1,4}$/;

/** A duration of the Gateway API (GEP-2257), as in `1m30s` or `100ms`, in milliseconds. */
export function durationMsField({ min, max }: Bounds): z.ZodType<number> {
  const bounds = `from ${min}ms to ${max / 1_000}s`;
  return valueType(`a duration ${bounds} as in 500ms, 10s or 1m30s`, (raw) => {
    if (!DURATION.test(raw)) return undefined;
    let totalMs = 0;
    for (const [, digits, unit = ''] of raw.matchAll(/(\d+)(ms|h|m|s)/g)) {
      totalMs += Number(digits) * (MS_PER_UNIT[unit] ?? Number.NaN);
    }
    return totalMs >= min && totalMs <= max ? totalMs : undefined;
  });
}

/** A day: what takes longer takes for ever. */
export const DAY_MS = 86_400_000;

/** A service as routes name it; its namespace is that of the section where it is left out. */
export const serviceRef = {
  name: labelField,
  namespace: labelField.optional(),
  port: portField,
};

/** A service as a document names it. */
export interface ServiceRef {
  readonly name: string;
  readonly namespace?: string | undefined;
  readonly port: number;
}

/**
 * Fields that belong to a connection or frame a message (RFC 9110 sections 6.4.1 and 7.6.1), and Host, which is no field
 * in HTTP/2: nothing that a route does reaches them.
 */
const NOT_A_ROUTES: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'host',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

/** The name of a field, in lower case. */
export const fieldName = z.string().transform((text, context) => {
  const name = text.toLowerCase();
  const complain = (message: string): typeof z.NEVER => {
    context.issues.push({ code: 'custom', input: text, message });
    return z.NEVER;
  };
  if (!/^[!#$%&'*+\-.^_`|~0-9a-z]{1,256}$/.test(name)) {
    return complain('expected the name of a header as in x-version');
  }
  if (name === 'host')
    return complain('expected another header than Host: it is part of the target');
  if (NOT_A_ROUTES.has(name)) return complain(`expected another header than ${name}`);
  return name;
});

/** The value of a field, which no program reads in two ways. */
export const fieldValue = z
  .string()
  .max(4_096, 'expected at most 4096 characters')
  .regex(/^[!-~](?:[\t -~]*[!-~])?$/, 'expected a value of ASCII characters');

/** A share of the requests. */
export const percentField = z
  .number()
  .min(0, 'expected a percentage from 0 to 100')
  .max(100, 'expected a percentage from 0 to 100');

/** A host name without a port. */
export const hostnameField = z.string().transform((text, context) => {
  const host = readEgressHost(text);
  if (host !== undefined && isIP(host) === 0) return host;
  context.issues.push({ code: 'custom', input: text, message: 'expected a host name' });
  return z.NEVER;
});

/** A gRPC code by its name, as its number. */
export const grpcCodeField = z
  .enum(GRPC_STATUSES, 'expected the name of a gRPC code as in UNAVAILABLE')
  .refine((name) => name !== 'OK', 'expected the name of an error as in UNAVAILABLE')
  .transform((name): number => GRPC_STATUSES.indexOf(name));
