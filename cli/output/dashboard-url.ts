import type { CreateDashboardLinkResponse } from '../../proto/gen/hauberk/v1/admin.ts';

/** What a browser opens. A dashboard on every address of its host is reached at loopback, or by a name. */
export function dashboardUrl({ address, tls, path }: CreateDashboardLinkResponse): string {
  const host = address.replace(/^(0\.0\.0\.0|\[::\])(?=:)/, '127.0.0.1');
  return `${tls ? 'https' : 'http'}://${host}${path}`;
}
