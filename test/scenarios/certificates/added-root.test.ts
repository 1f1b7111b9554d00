/**
 * A fleet that has certificates of its own from before moves into the mesh: its root is added to the
 * bundle, every sidecar believes it at once, and it may speak for workloads, but neither for the control
 * plane nor for operators. When it is removed again its tunnels are cut, also across a restart of all.
 */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { readAdminCredential } from '../../../cli/admin/credential.ts';
import { rootDigest } from '../../../common/pki/join-token/root-digest.ts';
import { toPem } from '../../../common/pki/pem.ts';
import { createChannel } from '../../../common/rpc/channel.ts';
import { RpcError } from '../../../common/rpc/rpc-error.ts';
import { AdminClient } from '../../../proto/gen/hauberk/v1/admin.ts';
import { eventually, within } from '../../helpers/deadline.ts';
import { startHttpApp } from '../../helpers/servers/http-app.ts';
import { getOnce } from '../../helpers/clients/http-load.ts';
import { startMesh } from '../../helpers/mesh/mesh.ts';
import { callAsPeer } from '../../helpers/clients/peer-call.ts';
import { createTestAuthority } from '../../helpers/mesh/test-authority.ts';
import { caStatus } from '../root-rotation/ca-status.ts';

test('an old fleet is let in by its root, and let go again', async (t) => {
  const mesh = await startMesh(t);
  const app = await startHttpApp(t, 'api');
  // Its workers are told everything that it is.
  const args = ['--workers=2'];
  const expose = [`8080=127.0.0.1:${app.port}`];
  const api = await mesh.sidecar({ service: 'api', expose, args });
  const web = await mesh.sidecar({ service: 'web', upstreams: ['api:8080'] });
  const fleet = createTestAuthority();
  const old = fleet.workload('default', 'old');
  const file = path.join(mesh.directory, 'old-root.pem');
  await writeFile(file, toPem([fleet.root.certificate]));
  const digest = rootDigest(fleet.root.certificate);
  t.is((await callAsPeer(t, api.hbonePort, old)).answer, 'refused');

  const added = await mesh.admin(['bundle', 'add', '--file', file]);
  t.is(added.code, 0, added.stderr);
  t.regex(added.stdout, new RegExp(`${digest} +added`));
  const call = await eventually('the fleet is let in', async () => {
    const tried = await callAsPeer(t, api.hbonePort, old);
    return tried.answer === '200' ? tried : undefined;
  });
  t.is(await getOnce(web.upstreamPorts[0] ?? 0), 'api');

  // What it signs in the name of an operator is nothing to the control plane.
  const { roots } = readAdminCredential(path.join(mesh.controlPlane.dataDirectory, 'admin.pem'));
  const channel = createChannel({
    address: { host: '127.0.0.1', port: mesh.controlPlane.grpcPort },
    trustDomain: 'mesh.local',
    roots,
    identity: fleet.workload('hauberk', 'admin'),
  });
  t.teardown(() => channel.close());
  const forged = await t.throwsAsync(
    new Promise((resolve, reject) => {
      channel.client(AdminClient).listTokens({}, (error) => {
        if (error === null) resolve(undefined);
        else reject(channel.explain(error));
      });
    }),
    { instanceOf: RpcError },
  );
  t.is(forged?.code, 'certificate-untrusted');

  // A sidecar that starts without a control plane believes what it believed.
  await mesh.controlPlane.kill();
  await api.process.end('SIGKILL');
  await call.ended;
  const revived = await mesh.revive(api);
  const again = await callAsPeer(t, revived.hbonePort, old);
  t.is(again.answer, '200');
  await mesh.controlPlane.start();

  const own = await mesh.admin(['bundle', 'remove', '--root', (await caStatus(mesh)).rootDigest]);
  t.not(own.code, 0);
  t.regex(own.stderr, /is a root of the mesh itself/);
  const unknown = await mesh.admin(['bundle', 'remove', '--root', 'nosuchroot']);
  t.not(unknown.code, 0);
  t.regex(unknown.stderr, /expected the digest of one added root/);
  const removed = await mesh.admin(['bundle', 'remove', '--root', digest.slice(0, 12)]);
  t.is(removed.code, 0, removed.stderr);
  t.false(removed.stdout.includes(digest));
  await within('its tunnel is cut', again.ended);
  t.is((await callAsPeer(t, revived.hbonePort, old)).answer, 'refused');
  t.is(
    await eventually('the mesh goes on', () =>
      getOnce(web.upstreamPorts[0] ?? 0).catch(() => undefined),
    ),
    'api',
  );
});
