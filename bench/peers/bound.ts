import { join } from 'node:path';
import type { BoundOrder } from '../bound/order.ts';
import type { BenchCommand } from '../lab/bench-process.ts';
import type { Peer } from './peer.ts';

/** What `cli/hauberk` gives to Node.js, so that only the engines differ: V8 sized alike, */
export const V8_FLAGS: readonly string[] = [
  '--initial-old-space-size=96',
  '--max-semi-space-size=4',
  '--no-allocation-site-pretenuring',
  '--no-maglev',
];
/** kept compiled code, and one arena of malloc. */
const ENVIRONMENT = {
  NODE_COMPILE_CACHE: join(import.meta.dirname, '../../node_modules/.cache/hauberk'),
  MALLOC_ARENA_MAX: '1',
};
const MAIN = join(import.meta.dirname, '../bound/main.ts');

/** Two processes that only carry bytes, on documented APIs of Node.js: what this runtime allows at most. */
export const boundPeer: Peer = {
  id: 'bound',
  title: 'bound on this runtime',
  kind: 'bound',
  note: 'no sidecar, but the least that carries the same bytes over mutual TLS and HTTP/2 on documented APIs of Node.js; it decides, counts and limits nothing, and is never the best peer',
  program: 'node',
  install: 'comes with the bench',
  version: () => Promise.resolve(process.versions.node),
  plans: {
    sidecars({ app, certificates: { root, caller, callee }, ports }) {
      return Promise.resolve({
        caller: command({
          role: 'caller',
          listenPort: ports.plaintext,
          connectPort: ports.tls,
          root,
          chain: caller.chain,
          key: caller.key,
          peerUri: callee.uri,
        }),
        callee: command({
          role: 'callee',
          listenPort: ports.tls,
          connectPort: app.httpPort,
          root,
          chain: callee.chain,
          key: callee.key,
          peerUri: caller.uri,
        }),
        metrics: [],
      });
    },
  },
};

function command(order: BoundOrder): BenchCommand {
  return {
    name: order.role,
    program: process.execPath,
    args: ['--disable-warning=ExperimentalWarning', ...V8_FLAGS, MAIN, JSON.stringify(order)],
    env: ENVIRONMENT,
  };
}
