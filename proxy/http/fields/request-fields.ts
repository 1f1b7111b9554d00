import type { Field, RequestHead } from '../message.ts';
import type { FieldNames } from './identity-fields.ts';

/** What a service is told of the client. */
export interface ForwardedClient {
  readonly address: string;
  /** The value of `X-Forwarded-Client-Cert`; undefined when the client showed none. */
  readonly certificate: string | undefined;
}

/** Between a client and the proxy that it speaks to (RFC 9110 sections 11.7 and 7.6.1). */
const FOR_US: ReadonlySet<string> = new Set([
  'proxy-authorization',
  'proxy-authenticate',
  'proxy-authentication-info',
  'proxy-connection',
]);

/**
 * The fields that a service gets of a request from outside: what came, without what no client may say, and
 * what we know of the client.
 */
export function requestFields(
  { fields, scheme }: Pick<RequestHead, 'fields' | 'scheme'>,
  identity: FieldNames,
  client: ForwardedClient,
): readonly Field[] {
  const passed: Field[] = [];
  let cookieAt: number | undefined;
  for (const field of fields) {
    const [name, value] = field;
    if (identity.has(name) || isForUs(name)) continue;
    if (!isCookie(name)) {
      passed.push(field);
      continue;
    }
    // HTTP/2 may send several (RFC 9113 section 8.2.3), of which many servers read one.
    const before = cookieAt === undefined ? undefined : passed[cookieAt];
    if (cookieAt === undefined || before === undefined) cookieAt = passed.push(field) - 1;
    else passed[cookieAt] = [before[0], `${before[1]}; ${value}`];
  }
  passed.push(['X-Forwarded-For', client.address], ['X-Forwarded-Proto', scheme]);
  if (client.certificate !== undefined) {
    passed.push(['X-Forwarded-Client-Cert', client.certificate]);
  }
  return passed;
}

function isCookie(name: string): boolean {
  return name.length === 6 && name.toLowerCase() === 'cookie';
}

function isForUs(name: string): boolean {
  const first = name.charCodeAt(0) | 0x20;
  return first === 0x70 /* p */ && FOR_US.has(name.toLowerCase());
}
