// nghttpx, the proxy of nghttp2, as an HBONE client: a forward proxy whose backend is our listener.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { toPem } from '../../../common/pki/pem.ts';
import { eventually, within } from '../../helpers/deadline.ts';
import { freePort } from '../../helpers/machine/free-port.ts';
import { requires } from '../../helpers/machine/requirements.ts';
import { temporaryDirectory } from '../../helpers/machine/temporary-directory.ts';
import { createTestAuthority } from '../../helpers/mesh/test-authority.ts';
import { createEngine, createIdentity, serveApp, startApp } from './harness.ts';

const BODY = Buffer.alloc(1_000_000, 'hauberk ');

requires('nghttpx')('nghttpx carries connections through our listener', async (t) => {
  await using directory = await temporaryDirectory();
  const authority = createTestAuthority();
  const api = createEngine(t, createIdentity(authority, 'api'));
  const app = await startApp(t, (socket) => void socket.pipe(socket));
  const listener = await api.listen(serveApp(app.port));
  const file = (name: string, text: string): string => {
    writeFileSync(join(directory.path, name), text, { mode: 0o600 });
    return join(directory.path, name);
  };
  const { chain, privateKey } = authority.workload('shop', 'web', { nowMs: Date.now() });
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const port = await freePort();
  const nghttpx = spawn(
    'nghttpx',
    [
      '--conf=/dev/null',
      '--http2-proxy',
      `--frontend=127.0.0.1,${port};no-tls`,
      `--backend=127.0.0.1,${listener.port};;proto=h2;tls`,
      `--client-cert-file=${file('chain.pem', toPem(chain))}`,
      `--client-private-key-file=${file('key.pem', key)}`,
      // It would look for the name of a host in the certificate.
      '--insecure',
      '--workers=1',
    ],
    { stdio: 'ignore' },
  );
  const exited = once(nghttpx, 'exit');
  try {
    await eventually('nghttpx listens', async () => ((await echo(port)) ? true : undefined));
    for (let round = 0; round < 3; round += 1) t.true(await echo(port));
    t.is(listener.openTunnels, 1, 'all of them in one tunnel');
    t.false(api.lines.some(({ reason }) => reason === 'protocol-error'));
  } finally {
    nghttpx.kill();
    await exited;
  }
});

/** Asks for a tunnel by HTTP/1.1, sends the body, and says whether it came back whole. */
async function echo(port: number): Promise<boolean> {
  const socket: Socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  const answered = new Promise<string>((resolve) => {
    socket.once('data', (chunk: Buffer) => resolve(chunk.toString('latin1')));
    socket.on('error', () => resolve(''));
  });
  socket.write('CONNECT 10.0.0.1:80 HTTP/1.1\r\nHost: 10.0.0.1:80\r\n\r\n');
  if (!(await within('an answer', answered)).startsWith('HTTP/1.1 200')) return false;
  // It passes no half-close on, so that the end is told by the length.
  const chunks: Buffer[] = [];
  let bytes = 0;
  const whole = new Promise<void>((resolve) => {
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk);
      bytes += chunk.length;
      if (bytes >= BODY.length) resolve();
    });
    socket.once('close', () => resolve());
  });
  socket.write(BODY);
  await within('the echo', whole);
  socket.destroy();
  return Buffer.concat(chunks).equals(BODY);
}
