import { isIP } from 'node:net';
import { z } from 'zod';
import { isLabel, isTrustDomain } from '../names.ts';
import {
  parseAllow,
  parseEgress,
  parseExpose,
  parseHostPort,
  parsePort,
  parseUpstream,
} from './address.ts';
import type { Allow, EgressPort, Expose, HostPort, Upstream } from './address.ts';
import { ConfigError } from './config-error.ts';

/** A zod type for one value: text from a flag or the environment, anything from a file. */
export type ValueType<Value> = z.ZodType<Value>;

/**
 * Makes a zod type out of a function that reads text. Numbers from a YAML file are read as they are
 * written; anything else but text is a wrong type.
 *
 * @param expected completes the sentence "expected …"
 * @param read returns undefined, or throws a ConfigError that says more, when the text does not fit
 */
export function valueType<Value>(
  expected: string,
  read: (text: string) => Value | undefined,
): ValueType<Value> {
  return z.unknown().transform((raw, context) => {
    try {
      const text = typeof raw === 'number' ? String(raw) : raw;
      const value = typeof text === 'string' ? read(text.trim()) : undefined;
      if (value !== undefined) return value;
      context.issues.push({
        code: 'custom',
        input: raw,
        message: `expected ${expected}, got ${describeRaw(raw)}`,
      });
    } catch (error) {
      if (!(error instanceof ConfigError)) throw error;
      context.issues.push({ code: 'custom', input: raw, message: error.message });
    }
    return z.NEVER;
  });
}

function describeRaw(raw: unknown): string {
  if (raw === undefined || raw === null) return 'nothing';
  if (Array.isArray(raw)) return 'a list';
  return typeof raw === 'object' ? 'a mapping' : JSON.stringify(raw);
}

/** Any text that is not empty. */
export const text = valueType('text', (raw) => raw || undefined);

/** A service or namespace. */
export const label = valueType(
  'a name of lower-case letters, digits, "-" and "_", at most 63 long',
  (raw) => (isLabel(raw) ? raw : undefined),
);

/** A SPIFFE trust domain. */
export const trustDomain = valueType('a trust domain such as mesh.local', (raw) =>
  isTrustDomain(raw) ? raw : undefined,
);

/** A port that exists: 1 to 65535. */
export const port: ValueType<number> = valueType('a port', (raw) => parsePort(raw));

/** An IP address without brackets. */
export const ipAddress = valueType('an IP address', (raw) => (isIP(raw) === 0 ? undefined : raw));

/** `host:port` to connect to. */
export const hostPort: ValueType<HostPort> = valueType('HOST:PORT', (raw) => parseHostPort(raw));

/** `http://HOST:PORT`, with a path where the server is below one; without a user, a query and a fragment. */
export const httpUrl: ValueType<string> = valueType('a URL with http or https', (raw) => {
  const url = URL.parse(raw);
  const extras = url === null ? [] : [url.username, url.password, url.search, url.hash];
  const isPlain = url !== null && extras.every((extra) => extra === '');
  return isPlain && /^https?:$/.test(url.protocol) ? url.href : undefined;
});

/** `LISTEN=SERVICE[.NAMESPACE]:PORT`. */
export const upstream: ValueType<Upstream> = valueType('an upstream', parseUpstream);

/** `LISTEN=HOST:PORT`. */
export const egress: ValueType<EgressPort> = valueType('a port for a server outside', parseEgress);

/** `PORT[=ADDRESS]`. */
export const expose: ValueType<Expose> = valueType('an exposed port', parseExpose);

/** Both included. */
export interface Bounds {
  readonly min: number;
  readonly max: number;
}

/** `PORT=SERVICE[.NAMESPACE]`. */
export const allow: ValueType<Allow> = valueType('who may reach a port', parseAllow);

/** A whole number within bounds, both included. */
export function integer({ min, max }: Bounds): ValueType<number> {
  return valueType(`a whole number from ${min} to ${max}`, (raw) => {
    const value = /^-?\d{1,15}$/.test(raw) ? Number(raw) : Number.NaN;
    return value >= min && value <= max ? value : undefined;
  });
}

const SECONDS_PER_UNIT: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };

/** A time span in seconds: a number of seconds, or a number with s, m, h or d. Bounds in seconds. */
export function durationSeconds({ min, max }: Bounds): ValueType<number> {
  return valueType(
    `a time from ${formatSeconds(min)} to ${formatSeconds(max)} (as in 45, 30s, 15m, 1h, 7d)`,
    (raw) => {
      const [, digits, unit = 's'] = /^(\d{1,9})([smhd])?$/.exec(raw) ?? [];
      const value = Number(digits) * (SECONDS_PER_UNIT[unit] ?? Number.NaN);
      return value >= min && value <= max ? value : undefined;
    },
  );
}

function formatSeconds(seconds: number): string {
  const units = Object.entries(SECONDS_PER_UNIT).reverse();
  const unit = units.find(([, size]) => seconds >= size && seconds % size === 0) ?? ['s', 1];
  return `${seconds / unit[1]}${unit[0]}`;
}

/** One of a few words. */
export function choice<const Word extends string>(words: readonly Word[]): ValueType<Word> {
  const type = valueType(`one of ${words.join(', ')}`, (raw) => words.find((word) => word === raw));
  return type.meta({ choices: words });
}

/** The words of a choice, also of one with a default or of a list of them; undefined for other types. */
export function choicesOf(type: z.core.$ZodType): readonly string[] | undefined {
  if (type instanceof z.ZodDefault || type instanceof z.ZodOptional)
    return choicesOf(type.unwrap());
  if (type instanceof z.ZodArray) return choicesOf(type.element);
  const choices = type instanceof z.ZodType ? type.meta()?.['choices'] : undefined;
  return Array.isArray(choices) ? choices.map(String) : undefined;
}

/** A path; whether something is there is the program's business. */
export const filePath = valueType('a path', (raw) =>
  raw === '' || raw.includes('\0') ? undefined : raw,
);

/** Yes or no. */
export const flag: ValueType<boolean> = z.unknown().transform((raw, context) => {
  if (typeof raw === 'boolean') return raw;
  if (raw === 'true' || raw === '1') return true;
  if (raw === 'false' || raw === '0') return false;
  const message = `expected true or false, got ${describeRaw(raw)}`;
  context.issues.push({ code: 'custom', input: raw, message });
  return z.NEVER;
});
