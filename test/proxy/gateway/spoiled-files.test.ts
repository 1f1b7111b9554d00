/**
 * The gateway's file, a certificate and a key become things that cannot be used: the gateway goes on as before, says
 * so once, and takes up good ones afterwards.
 */
import { once } from 'node:events';
import { rename, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import tls from 'node:tls';
import test, { type ExecutionContext } from 'ava';
import { within } from '../../helpers/deadline.ts';
import { createManualClock } from '../../helpers/manual-clock.ts';
import { spoiledFiles } from '../../helpers/spoiled-files.ts';
import { createTestAuthority } from '../../helpers/mesh/test-authority.ts';
import { certificateFiles } from './certificate-files.ts';
import { openGatewayUnderTest } from './gateway-under-test.ts';

const authority = createTestAuthority();
const dnsNames = ['www.example.com'];
const first = authority.workload('edge', 'www', { dnsNames });
const second = authority.workload('edge', 'www', { dnsNames });
const listener = (name: string): string =>
  `  - {name: ${name}, listen: '127.0.0.1:0', protocol: HTTPS, routes: [{backend: 'app:80'}], tls: {mode: Terminate, certificates: [{certificate: DIR/www.pem, key: DIR/www.key}]}}\n`;

async function rig(t: ExecutionContext) {
  const clock = createManualClock(Date.now());
  const gateway = await openGatewayUnderTest(t, {
    clock,
    listeners: listener('web'),
    files: certificateFiles('www', first),
  });
  return {
    gateway,
    at: (name: string) => path.join(gateway.directory, name),
    complaints: () => gateway.log.of('reload-refused'),
    async look() {
      for (let round = 0; round < 3; round += 1) await clock.advance(1_000);
    },
    async shown(name = 'web'): Promise<string> {
      const port = gateway.port(name);
      const options = { port, host: '127.0.0.1', servername: dnsNames[0] ?? '', ca: [] };
      const socket = tls.connect({ ...options, rejectUnauthorized: false });
      await within('the handshake ends', once(socket, 'secureConnect'));
      const { serialNumber = '' } = socket.getPeerX509Certificate() ?? {};
      socket.destroy();
      return serialNumber;
    },
  };
}

for (const name of ['www.pem', 'www.key', 'gateway.yaml']) {
  for (const [kind, spoil, expected] of spoiledFiles) {
    test(`${name} is ${kind}: it changes nothing, and good files are taken up`, async (t) => {
      const { gateway, at, complaints, look, shown } = await rig(t);
      t.is(await shown(), first.leaf.serialNumber);
      await spoil(at(name));
      await look();
      t.is(complaints().length, 1);
      t.regex(complaints()[0]?.msg ?? '', expected);
      t.is(await shown(), first.leaf.serialNumber);

      await rm(at(name), { recursive: true, force: true });
      for (const [file, text] of Object.entries(certificateFiles('www', second))) {
        await writeFile(at(`${file}.new`), text);
        await rename(at(`${file}.new`), at(file));
      }
      await gateway.rewrite(listener('web') + listener('more'));
      await look();
      t.is(await shown(), second.leaf.serialNumber);
      t.is(await shown('more'), second.leaf.serialNumber);
      t.is(complaints().length, 1);
    });
  }
}

test('who asks for the file to be read is told each time what is wrong', async (t) => {
  const { gateway, at, complaints, look } = await rig(t);
  await rm(at('www.pem'));
  await look();
  t.is(complaints().length, 1);
  await gateway.gateway.reload();
  await gateway.gateway.reload();
  t.is(complaints().length, 3);
});
