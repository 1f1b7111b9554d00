/**
 * Peers that leave in the middle: nginx refuses an upload and closes with the rest unread, and its answer reaches the
 * client through sidecars and gateway, over bytes and over routes alike; a client breaks off while its bytes wait for an
 * application that does not read, and nothing is left of its connection.
 */
import { execFile } from 'node:child_process';
import { open } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';
import { eventually } from '../../helpers/deadline.ts';
import { carryingNothing } from '../../helpers/gauges.ts';
import { startGateway } from '../../helpers/mesh/mesh-gateway.ts';
import { startMesh } from '../../helpers/mesh/mesh.ts';
import { startNginx } from '../../helpers/servers/nginx.ts';
import { requires } from '../../helpers/machine/requirements.ts';
import { startTcpApp } from '../../helpers/servers/tcp-app.ts';
import { connectTcp } from '../../helpers/clients/tcp-client.ts';
import { temporaryDirectory } from '../../helpers/machine/temporary-directory.ts';

const run = promisify(execFile);
const UPLOAD_BYTES = 64 * 1024 * 1024;
const ROUNDS = 10;

/** Answers 413 from the head, and closes at once. Over HTTP/2 it announces the end of the connection before. */
const server = (http2: string): string => `server {
  listen 127.0.0.1:PORT${http2};
  lingering_close off;
  client_max_body_size 1m;
  location / { return 200; }
}`;

requires('nginx', 'curl')('the answer of a service that reads no more', async (t) => {
  const mesh = await startMesh(t);
  const http1 = await startNginx(t, server(''));
  const http2 = await startNginx(t, server(' http2'));
  const exposed = [`80=127.0.0.1:${http1}`, `81=127.0.0.1:${http2}`];
  await mesh.sidecar({ service: 'api', expose: exposed });
  const web = await mesh.sidecar({ service: 'web', upstreams: ['api:80'] });
  const gateway = await startGateway(
    t,
    mesh,
    `
  - name: web
    listen: '127.0.0.1:0'
    protocol: HTTP
    routes:
      - {hostnames: [h2c.test], backend: 'api:81', appProtocol: h2c}
      - {backend: 'api:80'}
`,
  );
  await using directory = await temporaryDirectory();
  const upload = path.join(directory.path, 'upload');
  const file = await open(upload, 'w');
  await file.truncate(UPLOAD_BYTES);
  await file.close();
  const statuses = async (port: number, host: string): Promise<string[]> => {
    const url = `http://127.0.0.1:${port}/`;
    const fields = ['-H', `Host: ${host}`, '-H', 'Expect:'];
    const args = ['-s', '-m', '20', '-o', '/dev/null', '-w', '%{http_code}', ...fields];
    const seen: string[] = [];
    for (let round = 0; round < ROUNDS; round += 1) {
      const asked = run('curl', [...args, '--data-binary', `@${upload}`, url]);
      // curl may fail once it has the answer: what it still sends is not taken.
      const { stdout } = await asked.catch(
        (error: unknown) => error as { readonly stdout: string },
      );
      seen.push(stdout);
    }
    return seen;
  };
  const refused = Array.from({ length: ROUNDS }, () => '413');
  const edge = await gateway.port('web');
  await eventually('the gateway reaches it', async () => {
    const { stdout } = await run('curl', ['-s', `http://127.0.0.1:${edge}/`, '-w', '%{http_code}']);
    return stdout.endsWith('200') || undefined;
  });
  // In HTTP/2, curl 7.88 drops an answer that comes before the end of its body, also where nginx itself gives it.
  t.deepEqual(await statuses(edge, 'http1.test'), refused);
  t.deepEqual(await statuses(edge, 'h2c.test'), refused);
  t.deepEqual(await statuses(web.upstreamPorts[0] ?? 0, 'api'), refused, 'as bytes');
});

test('a client that breaks off while its bytes wait for an application that does not read', async (t) => {
  const mesh = await startMesh(t);
  const app = await startTcpApp(t, (socket) => socket.pause());
  const api = await mesh.sidecar({ service: 'api', expose: [`7000=127.0.0.1:${app.port}`] });
  const web = await mesh.sidecar({ service: 'web', upstreams: ['api:7000'] });
  const client = await connectTcp(t, web.upstreamPorts[0] ?? 0);
  const block = Buffer.alloc(1024 * 1024);
  let before = -1;
  let rounds = 0;
  await eventually('nothing more is taken', () => {
    while (client.writableLength < 4 * block.length) client.write(block);
    const sent = client.bytesWritten - client.writableLength;
    rounds = sent === before ? rounds + 1 : 0;
    before = sent;
    return rounds >= 20 || undefined;
  });
  t.is((await web.metrics()).sum('hauberk_connections_open'), 1);
  client.resetAndDestroy();
  await carryingNothing([web, api]);
  await eventually('the application is told', () => {
    for (const socket of app.sockets) socket.resume();
    return app.sockets.size === 0 || undefined;
  });
});
