/**
 * Two policies for one place, which nobody can apply: somebody has written them into the store. The sidecar
 * sends nothing there, cuts what is open, and status says why, until a configuration is applied with one.
 */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { systemClock } from '../../../common/clock.ts';
import { CONFIG_KEY, encodeConfig } from '../../../control-plane/policy/config-record.ts';
import { openSqliteStore } from '../../../control-plane/store/sqlite/sqlite-store.ts';
import { eventually } from '../../helpers/deadline.ts';
import { createLogRecorder } from '../../helpers/log-recorder.ts';
import { startMesh } from '../../helpers/mesh/mesh.ts';
import { oddCertificate, oddName } from '../../helpers/pki/odd-certificate.ts';
import { callInVain, connectTcp, endOf, readText } from '../../helpers/clients/tcp-client.ts';
import { createTestAuthority } from '../../helpers/mesh/test-authority.ts';
import { filesFor, shows, startOutsideServer } from '../../proxy/egress/outside-server.ts';

test('policies that contradict each other close the way, and status says that they do', async (t) => {
  const outside = createTestAuthority({ trustDomain: 'outside.example' });
  const altNames = [oddName.dns('pay.example')];
  const server = await startOutsideServer(t, shows(oddCertificate(outside.issuer, { altNames })));
  const { ca = '' } = await filesFor(t, { ca: outside.root.certificate.toString() });
  const one = (hostname: string): string => `    - host: 127.0.0.1
      port: ${server.port}
      validation: {caCertificateRefs: [${ca}], hostname: ${hostname}}
`;
  const good = `egress:\n  destinations:\n${one('pay.example')}`;
  const mesh = await startMesh(t);
  const args = [`--egress=127.0.0.1:0=127.0.0.1:${server.port}`];
  const web = await mesh.sidecar({ service: 'web', args });
  const port = await web.process.port('egress');
  const file = path.join(mesh.directory, 'mesh.yaml');
  const apply = async (document: string) => {
    await writeFile(file, document);
    return await mesh.admin(['apply', '-f', file]);
  };
  const carries = async (): Promise<void> => {
    const socket = await connectTcp(t, port);
    socket.write('hello');
    t.is(await readText(socket, 5), 'hello');
    socket.destroy();
  };
  const carriesSoon = (): Promise<true> =>
    eventually('it carries', () =>
      carries().then(
        () => true,
        () => undefined,
      ),
    );
  const statusSays = async (condition: string): Promise<string> =>
    await eventually(`status says ${condition}`, async () => {
      const { stdout } = await mesh.admin(['status']);
      return stdout.split('\n').find((line) => line.includes(`  ${condition}  `));
    });

  t.is((await apply(good)).code, 0);
  await carriesSoon();
  const open = await connectTcp(t, port);
  open.write('hello');
  t.is(await readText(open, 5), 'hello');

  const document = good + one('evil.example');
  t.regex((await apply(document)).stderr, /which this one would contradict/);
  await mesh.controlPlane.kill();
  {
    const store = await openSqliteStore({
      path: path.join(mesh.controlPlane.dataDirectory, 'hauberk.db'),
      clock: systemClock,
      logger: createLogRecorder().logger,
    });
    const value = encodeConfig({ version: 2, document, appliedMs: 0, origin: 'a hand' });
    await store.transact([], [{ kind: 'put', key: CONFIG_KEY, value }]);
    await store.close();
  }
  await mesh.controlPlane.start();

  t.is(await endOf(open), 'reset', 'what is open is cut');
  t.like(await web.process.logged('egress-cut'), { reason: 'conflicted' });
  const heard = server.heard();
  t.is(await callInVain(port), 'reset');
  t.like(await web.process.logged('egress-failed'), { reason: 'conflicted' });
  t.is(server.heard(), heard, 'nothing was sent');
  t.regex(await statusSays('conflicted'), /^web .* 2 policies for 127\.0\.0\.1:\d+ contradict/);
  const peer = `tls://127.0.0.1:${server.port}`;
  const samples = await web.metrics();
  t.true(samples.has('hauberk_connections_failed_total', { peer, reason: 'conflicted' }));

  // Rules can be asked about meanwhile, and the next configuration mends it.
  const asked = await mesh.admin(['authz', 'explain', '--from=web', '--to=api:80']);
  t.is(asked.code, 0, asked.stderr);
  const mended = await apply(`# one policy\n${good}`);
  t.is(mended.code, 0, mended.stderr);
  await carriesSoon();
});
