import type { OwnNames } from '../access/same-origin.ts';

/**
 * The name of the cookie. It has the port, since cookies know none: two dashboards on one host would take each
 * other's away. With TLS its prefix keeps other hosts of the domain from setting it (RFC 6265bis section 4.1.3).
 */
export function cookieName(host: string, { scheme }: Pick<OwnNames, 'scheme'>): string {
  const [, port = scheme === 'https' ? '443' : '80'] = /:(\d{1,5})$/.exec(host) ?? [];
  return `${scheme === 'https' ? '__Host-' : ''}hauberk-${port}`;
}

/** `Set-Cookie` for a session, until the browser is closed; undefined takes it away. */
export function sessionCookie(
  host: string,
  own: Pick<OwnNames, 'scheme'>,
  id: string | undefined,
): string {
  return [
    `${cookieName(host, own)}=${id ?? ''}`,
    'Path=/',
    'HttpOnly',
    'SameSite=Strict',
    ...(own.scheme === 'https' ? ['Secure'] : []),
    ...(id === undefined ? ['Max-Age=0'] : []),
  ].join('; ');
}

/** The value of a cookie in the field of a request. */
export function readCookie(field: string | undefined, name: string): string | undefined {
  for (const pair of (field ?? '').split(';')) {
    const [key = '', value] = pair.trim().split('=', 2);
    if (key === name && value !== undefined && value !== '') return value;
  }
  return undefined;
}
