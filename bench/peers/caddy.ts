import { planCaddyGateway } from './gateway/caddy.ts';
import type { Peer } from './peer.ts';
import { programVersion } from './program-version.ts';

/** Caddy, which is only a gateway. */
export const caddyPeer: Peer = {
  id: 'caddy',
  title: 'Caddy',
  kind: 'one-to-one',
  program: 'caddy',
  install: 'apt-get install caddy',
  version: () => programVersion('caddy', ['version'], /^v?(\d\S*)/m),
  plans: { gateway: planCaddyGateway, route: planCaddyGateway },
};
