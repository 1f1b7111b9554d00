import { haproxyPeer } from './haproxy.ts';
import { hauberkPeer } from './hauberk.ts';
import { nginxPeer } from './nginx.ts';
import type { Peer } from './peer.ts';

/** Everybody who is measured, in the order of the columns. */
export const PEERS: readonly Peer[] = [hauberkPeer, nginxPeer, haproxyPeer];
