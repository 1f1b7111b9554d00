import type { Field, RequestHead } from '../message.ts';
import type { FieldNames } from './identity-fields.ts';

/** Tells a service who calls, as Envoy does. */
export const CLIENT_CERTIFICATE = 'X-Forwarded-Client-Cert';

/** What a service is told of the client. */
export interface ForwardedClient {
  readonly address: string;
  /** The value of `X-Forwarded-Client-Cert`; undefined when the client showed none. */
  readonly certificate: string | undefined;
}

/** One for all requests. */
const FORWARDED_PROTO: Readonly<Record<RequestHead['scheme'], Field>> = {
  http: ['X-Forwarded-Proto', 'http'],
  https: ['X-Forwarded-Proto', 'https'],
};

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
  for (const field of fields) {
    const [name] = field;
    if (!identity.has(name) && !isForUs(name)) passed.push(field);
  }
  passed.push(['X-Forwarded-For', client.address], FORWARDED_PROTO[scheme]);
  if (client.certificate !== undefined) {
    passed.push([CLIENT_CERTIFICATE, client.certificate]);
  }
  return passed;
}

function isForUs(name: string): boolean {
  const first = name.charCodeAt(0) | 0x20;
  return first === 0x70 /* p */ && FOR_US.has(name.toLowerCase());
}
