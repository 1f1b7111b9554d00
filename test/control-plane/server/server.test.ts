/**
 * A control plane as a whole: what it leaves on the disk, how it renews its own certificates under
 * open streams, and how it goes.
 */
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { connect } from 'node:tls';
import test from 'ava';
import { readAdminCredential } from '../../../cli/admin/credential.ts';
import {
  ADMIN_LIFETIME_MS,
  SERVER_LIFETIME_MS,
} from '../../../control-plane/ca/own/certificates.ts';
import { eventually } from '../../helpers/deadline.ts';
import { hello, openSyncStream } from '../api/sync/sync-stream-under-test.ts';
import {
  startControlPlaneUnderTest,
  type ControlPlaneUnderTest,
} from '../control-plane-under-test.ts';

const mode = async (path: string): Promise<number> => (await stat(path)).mode & 0o777;

async function serverSerial({ controlPlane }: ControlPlaneUnderTest): Promise<string> {
  const port = controlPlane.grpcPort;
  const socket = connect({
    host: '127.0.0.1',
    port,
    ALPNProtocols: ['h2'],
    rejectUnauthorized: false,
  });
  await once(socket, 'secureConnect');
  const serial = socket.getPeerX509Certificate()?.serialNumber ?? '';
  socket.destroy();
  return serial;
}

test('the first start leaves the store, the credential of the operator and the root', async (t) => {
  const cp = await startControlPlaneUnderTest(t);
  const file = (name: string): string => join(cp.dataDir, name);
  t.is(await mode(file('hauberk.db')), 0o600);
  t.is(await mode(file('admin.pem')), 0o600);
  t.is(await mode(file('root.pem')), 0o644);
  const root = new X509Certificate(await readFile(file('root.pem')));
  t.deepEqual(cp.operator.roots.map(String), [String(root)]);
  t.true(cp.operator.chain[1]?.verify(root.publicKey));
  const [ready] = cp.log.of('ready');
  t.true(ready?.msg.includes(`hauberk token create`) && ready.msg.includes(file('admin.pem')));
});

test('its own certificates are renewed at half of their life, and streams go on', async (t) => {
  const cp = await startControlPlaneUnderTest(t, { leafLifetimeSeconds: 604_800 });
  const web = await cp.enrol('shop', 'web');
  const stream = openSyncStream(cp, web);
  stream.say(hello());
  await stream.next();
  const before = await serverSerial(cp);
  await cp.clock.advance(SERVER_LIFETIME_MS / 2);
  await eventually('another certificate is served', async () =>
    (await serverSerial(cp)) === before ? undefined : true,
  );
  stream.say({ $case: 'acknowledgement', value: { version: 77, bundleVersion: 1 } });
  await eventually('the stream still works', async () =>
    cp.log.of('sync-refused').length === 0 && (await cp.admin.listWorkloads())[0]?.connected
      ? true
      : undefined,
  );
  const operator = cp.operator.chain[0]?.serialNumber;
  await cp.clock.advance(ADMIN_LIFETIME_MS / 2);
  await eventually('admin.pem is rewritten', () => {
    const { chain } = readAdminCredential(cp.controlPlane.adminFile);
    return chain[0]?.serialNumber === operator ? undefined : true;
  });
  t.is(await mode(cp.controlPlane.adminFile), 0o600);
  t.is(cp.log.of('own-certificate-renewal-failed').length, 0);
});

test('when it goes it is not ready, and tells the sidecars to connect again', async (t) => {
  const cp = await startControlPlaneUnderTest(t);
  const stream = openSyncStream(cp, await cp.enrol('shop', 'web'));
  stream.say(hello());
  await stream.next();
  const readyz = `http://127.0.0.1:${cp.controlPlane.httpPort}/readyz`;
  t.is((await fetch(readyz)).status, 200);
  const [outcome, refusal] = await Promise.all([cp.controlPlane.drainAndClose(), stream.refused()]);
  t.is(outcome, 'idle');
  t.is(refusal.code, 'unavailable');
  await t.throwsAsync(fetch(readyz));
});

test('metrics are there from the start', async (t) => {
  const cp = await startControlPlaneUnderTest(t);
  await cp.token();
  t.true(await cp.metric('hauberk_tokens{state="active"} 1'));
  t.true(await cp.metric('hauberk_tokens{state="revoked"} 0'));
  t.true(await cp.metric('hauberk_sidecars_connected 0'));
});
