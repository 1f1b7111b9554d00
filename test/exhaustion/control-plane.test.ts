/**
 * A permitted identity, and a stranger, open as many connections to a control plane with few descriptors as
 * they can. It lives and answers; sidecars stay connected and new ones join; when they are gone everything is
 * as before.
 */
import http2 from 'node:http2';
import net from 'node:net';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import test from 'ava';
import { eventually } from '../helpers/deadline.ts';
import { startMesh } from '../helpers/mesh/mesh.ts';
import { hboneOptionsOf, stolenCredentials } from '../helpers/clients/peer-credentials.ts';
import type { Scope } from '../helpers/scope.ts';
import { withDescriptors } from './limits.ts';

const EVERYTHING_IS_BACK_MS = 5_000;
const SHARE = { reason: 'peer-limit' };

/**
 * Connections over TLS that answer the PINGs of HTTP/2 and say nothing more: what says nothing at all is ended
 * after 15 s. Resolves when each is open or was ended.
 */
async function hoardTls(
  scope: Scope,
  { count, atOnce }: { readonly count: number; readonly atOnce: number },
  options: ConnectionOptions,
): Promise<readonly TLSSocket[]> {
  const sockets: TLSSocket[] = [];
  // A few at once: handshakes under way are bounded as well.
  for (let opened = 0; opened < count; opened += atOnce) {
    const batch = Array.from({ length: Math.min(atOnce, count - opened) }, () => {
      const socket = connect(options);
      socket.on('error', () => {});
      scope.teardown(() => socket.destroy());
      return socket;
    });
    sockets.push(...batch);
    await Promise.all(
      batch.map((socket) => {
        const { promise, resolve } = Promise.withResolvers<void>();
        socket.once('secureConnect', () => {
          http2
            .connect('https://localhost', { createConnection: () => socket })
            .on('error', () => {});
          resolve();
        });
        socket.once('close', () => resolve());
        return promise;
      }),
    );
  }
  return sockets;
}

// Handshakes under way are bounded too, by a quarter of the descriptors.
for (const [descriptors, greedy, atOnce] of [
  [64, 40, 2],
  [256, 150, 2],
  [4_096, 2_000, 32],
] as const) {
  test.serial(
    `a control plane with ${descriptors} descriptors outlasts greedy callers`,
    async (t) => {
      // Thousands of handshakes, on a machine that has other things to do.
      t.timeout(180_000);
      const mesh = await startMesh(t, { controlPlaneThrough: withDescriptors(descriptors) });
      const { controlPlane } = mesh;
      const thief = await mesh.sidecar({ service: 'thief' });
      const used = async (): Promise<number> =>
        (await controlPlane.metrics()).sum('hauberk_descriptors', { state: 'used' });
      const idle = await used();
      const port = controlPlane.grpcPort;
      const stolen = await stolenCredentials(thief.stateDirectory);
      const ofThief = await hoardTls(t, { count: greedy, atOnce }, { ...stolen, port });
      const silent = { port, host: '127.0.0.1', localAddress: '127.0.0.8' };
      const stranger = { ...hboneOptionsOf(undefined), localAddress: '127.0.0.9', port };
      const ofStranger = await hoardTls(t, { count: Math.min(greedy / 2, 200), atOnce }, stranger);

      const metrics = await controlPlane.metrics();
      t.true(metrics.sum('hauberk_budget_refusals_total', SHARE) > 0);
      t.true(metrics.sum('hauberk_grpc_handshakes_refused_total', SHARE) > 0);
      for (const path of ['/healthz', '/readyz', '/healthz/ready', '/metrics']) {
        t.is((await fetch(`http://127.0.0.1:${controlPlane.httpPort}${path}`)).status, 200, path);
      }
      const sayNothing = Array.from({ length: greedy }, () => net.connect(silent));
      for (const socket of sayNothing) socket.on('error', () => {}).resume();
      const late = await mesh.sidecar({ service: 'late' });
      t.is((await late.metrics()).sum('hauberk_control_plane_connected'), 1);
      t.is((await thief.metrics()).sum('hauberk_control_plane_connected'), 1, 'it stayed');
      t.is((await mesh.admin(['status'])).code, 0);

      for (const socket of [...ofThief, ...ofStranger, ...sayNothing]) socket.destroy();
      await eventually(
        'everything is back',
        async () => ((await used()) <= idle + 4 ? true : undefined),
        EVERYTHING_IS_BACK_MS,
      );
      t.is(await controlPlane.process.end(), 0);
    },
  );
}
