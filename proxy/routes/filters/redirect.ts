import type { RequestHead } from '../../http/message.ts';
import { changePath, type PathChange } from './rewrite.ts';

/** Where a client is sent (Gateway API, HTTPRequestRedirectFilter). What is left out stays as it was asked for. */
export interface Redirect {
  readonly scheme?: 'http' | 'https' | undefined;
  readonly hostname?: string | undefined;
  readonly path?: PathChange | undefined;
  readonly port?: number | undefined;
  readonly statusCode?: number | undefined;
}

const FOUND = 302;
const DEFAULT_PORTS = { http: 80, https: 443 } as const;

/**
 * The status and Location of a redirect. A port that the scheme has by itself is not written; a scheme without a port takes the
 * one of its own.
 *
 * @param prefix what the path was matched by, when it was a prefix
 */
export function redirectTo(
  request: Pick<RequestHead, 'scheme' | 'authority' | 'target'>,
  redirect: Redirect,
  prefix: string | undefined,
): { readonly status: number; readonly location: string } {
  const scheme = redirect.scheme ?? request.scheme;
  const [host, askedPort] = splitAuthority(request.authority ?? 'localhost');
  const port = redirect.port ?? (redirect.scheme === undefined ? askedPort : undefined);
  const isDefault = port === undefined || port === DEFAULT_PORTS[scheme];
  const authority = (redirect.hostname ?? host) + (isDefault ? '' : `:${port}`);
  const target =
    redirect.path === undefined
      ? request.target
      : changePath(request.target, redirect.path, prefix);
  const status = redirect.statusCode ?? FOUND;
  return { status, location: `${scheme}://${authority}${target}` };
}

function splitAuthority(authority: string): [host: string, port: number | undefined] {
  const found = /^(.*?)(?::(\d+))?$/.exec(authority);
  const port = found?.[2];
  // An IPv6 address stands in brackets, so that its colons are none of these.
  if (port === undefined || authority.endsWith(']')) return [authority, undefined];
  return [found?.[1] ?? authority, Number(port)];
}
