import { boundPeer } from './bound.ts';
import { caddyPeer } from './caddy.ts';
import { directPeer } from './direct.ts';
import { envoyHbonePeer, envoyPeer, envoyTcpPeer } from './envoy.ts';
import { ghostunnelPeer } from './ghostunnel.ts';
import { haproxyPeer } from './haproxy.ts';
import { hauberkPeer } from './hauberk.ts';
import { nginxPeer } from './nginx.ts';
import type { Peer } from './peer.ts';
import { stunnelPeer } from './stunnel.ts';
import { ztunnelPeer } from './transparent/ztunnel.ts';

/** All proxies that are measured, in the order of the columns. */
export const PEERS: readonly Peer[] = [
  hauberkPeer,
  nginxPeer,
  haproxyPeer,
  stunnelPeer,
  ghostunnelPeer,
  envoyTcpPeer,
  envoyHbonePeer,
  ztunnelPeer,
  envoyPeer,
  caddyPeer,
  boundPeer,
  directPeer,
];
