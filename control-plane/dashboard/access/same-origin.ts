import { isIP } from 'node:net';
import { DashboardError } from '../dashboard-error.ts';

/** What says where a request comes from, as the browser wrote it. */
export interface RequestOrigin {
  readonly host: string | undefined;
  readonly origin: string | undefined;
  /** `Sec-Fetch-Site`, which pages cannot set. */
  readonly fetchSite: string | undefined;
}

/** What the dashboard itself is reached as. */
export interface OwnNames {
  readonly scheme: 'http' | 'https';
  /** Names in its certificate; none without TLS. */
  readonly names: readonly string[];
}

/**
 * Refuses a request to a name that is not the dashboard's. A page of an attacker can make its own name lead to this
 * address (DNS rebinding), and the browser takes it for the same origin; it cannot make an address lead here that is
 * another one. So addresses are accepted, `localhost`, which browsers resolve by themselves, and with TLS the names
 * for which the certificate was issued. Any port: it may be a forwarded one.
 *
 * @throws DashboardError `foreign-host`
 */
export function requireOwnHost({ host = '' }: RequestOrigin, { names }: OwnNames): void {
  const [, bracketed, plain = bracketed ?? ''] =
    /^(?:\[([\da-fA-F:.]+)\]|([\w.-]+))(?::\d{1,5})?$/.exec(host) ?? [];
  const name = plain.toLowerCase();
  if (isIP(name) !== 0 || name === 'localhost' || names.some((one) => covers(one, name))) return;
  const sentence = `the dashboard is not served as ${JSON.stringify(host.slice(0, 100))}`;
  const hint = 'open it by its address, or by a name that its certificate has';
  throw new DashboardError('foreign-host', sentence, { hint });
}

/** A name of a certificate, which may begin with one wildcard label (RFC 9525 section 6.3). */
function covers(certified: string, name: string): boolean {
  if (!certified.startsWith('*.')) return certified.toLowerCase() === name;
  const dot = name.indexOf('.');
  return dot > 0 && name.slice(dot) === certified.slice(1).toLowerCase();
}

/**
 * Refuses a request that a page of another origin has made. For what changes something (`strict`) the browser has to
 * say that it comes from here; for the rest it must not say otherwise.
 *
 * @throws DashboardError `foreign-origin`
 */
export function requireOwnOrigin(
  { host = '', origin, fetchSite }: RequestOrigin,
  { scheme }: Pick<OwnNames, 'scheme'>,
  { strict }: { readonly strict: boolean },
): void {
  const isOwn = origin === `${scheme}://${host}`;
  const isForeign = origin !== undefined && !isOwn;
  const isElsewhere =
    fetchSite !== undefined && fetchSite !== 'same-origin' && fetchSite !== 'none';
  if (!isForeign && !isElsewhere && (isOwn || !strict)) return;
  const from = origin === undefined ? 'a page that does not say where it is from' : 'another page';
  const sentence = `expected a request of the dashboard's own pages, got one of ${from}`;
  throw new DashboardError('foreign-origin', sentence, { hint: 'use the page itself' });
}
