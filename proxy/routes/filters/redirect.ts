import type { RequestRedirect, RouteMatch } from '../../../common/routes/route.ts';
import type { RequestHead } from '../../http/message.ts';
import { changePath } from './change-path.ts';

const DEFAULT_PORTS = { http: 80, https: 443 } as const;

/**
 * Where a client is sent (HTTPRequestRedirectFilter): the value of Location. A port that the scheme has by itself is not written;
 * a scheme without a port takes its own.
 */
export function redirectLocation(
  request: Pick<RequestHead, 'scheme' | 'authority' | 'target'>,
  redirect: RequestRedirect,
  match: RouteMatch,
): string {
  const scheme = redirect.scheme ?? request.scheme;
  const [host, askedPort] = splitAuthority(request.authority ?? 'localhost');
  const port = redirect.port ?? (redirect.scheme === undefined ? askedPort : undefined);
  const isDefault = port === undefined || port === DEFAULT_PORTS[scheme];
  const authority = (redirect.hostname ?? host) + (isDefault ? '' : `:${port}`);
  const { target } = request;
  const changed = redirect.path === undefined ? target : changePath(target, redirect.path, match);
  return `${scheme}://${authority}${changed}`;
}

function splitAuthority(authority: string): [host: string, port: number | undefined] {
  const found = /^(.*?)(?::(\d+))?$/.exec(authority);
  const port = found?.[2];
  // An IPv6 address stands in brackets, so that its colons are none of these.
  if (port === undefined || authority.endsWith(']')) return [authority, undefined];
  return [found?.[1] ?? authority, Number(port)];
}
