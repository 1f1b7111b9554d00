/**
 * A source breaks off more handshakes than may be under way at once, as callers do for as long as a peer shows
 * them an expired certificate. None of them is kept: its next call goes through.
 */
import net from 'node:net';
import { once } from 'node:events';
import test from 'ava';
import { startHttpApp } from '../../helpers/servers/http-app.ts';
import { getOnce } from '../../helpers/clients/http-load.ts';
import { startMesh } from '../../helpers/mesh/mesh.ts';

/** A listener has 512 under way at most, and half of them from one source. */
const HANDSHAKES = 600;

test('a source is let in after it has broken off many handshakes', async (t) => {
  const mesh = await startMesh(t);
  const app = await startHttpApp(t, 'api');
  const api = await mesh.sidecar({ service: 'api', expose: [`8080=127.0.0.1:${app.port}`] });
  const web = await mesh.sidecar({ service: 'web', upstreams: ['api:8080'] });

  for (let at = 0; at < HANDSHAKES; at += 1) {
    const socket = net.connect(api.hbonePort, '127.0.0.1');
    await once(socket, 'connect');
    // The type of a record of TLS with a handshake, and no more.
    socket.end(Buffer.of(22));
    socket.resume();
    await once(socket, 'close');
  }
  t.is(await getOnce(web.upstreamPorts[0] ?? 0), 'api');
  const refused = { reason: 'too-many' };
  t.is((await api.metrics()).sum('hauberk_handshakes_refused_total', refused), 0);
});
