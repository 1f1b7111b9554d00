/**
 * A mesh that has begun with one control plane on SQLite moves to etcd, and back into a file: sidecars renew at each, a
 * join token stays what it was, the issuance log is one chain from its beginning, and traffic has not noticed.
 */
import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startEtcdCluster } from '../../helpers/etcd/etcd-cluster.ts';
import { runHauberk } from '../../helpers/mesh/hauberk-process.ts';
import { startHttpApp } from '../../helpers/servers/http-app.ts';
import { startHttpLoad } from '../../helpers/clients/http-load.ts';
import { startMesh, type Mesh } from '../../helpers/mesh/mesh.ts';
import { requires } from '../../helpers/machine/requirements.ts';

const LIFETIME = '--certificate-lifetime=60s';

requires('etcd', 'etcdctl')(
  'a mesh moves from SQLite to etcd and back, and its sidecars notice nothing',
  async (t) => {
    const cluster = await startEtcdCluster(t, { members: 1 });
    const [member] = cluster.addresses;
    const etcd = `etcd+plaintext://127.0.0.1:${member?.port}`;
    const mesh = await startMesh(t, { leafLifetimeSeconds: 60 });
    const { controlPlane } = mesh;
    const unlock = join(mesh.directory, 'unlock');
    await writeFile(unlock, randomBytes(32), { mode: 0o600 });
    const app = await startHttpApp(t, 'api');
    const api = await mesh.sidecar({ service: 'api', expose: [`8080=127.0.0.1:${app.port}`] });
    const web = await mesh.sidecar({ service: 'web', upstreams: ['api:8080'] });
    const twice = await mesh.token(['--namespace', 'default', '--uses', '2']);
    await mesh.sidecar({ service: 'one', token: twice });
    const before = await verified(mesh);
    const tokens = await tokensOf(mesh);
    const [port = 0] = web.upstreamPorts;
    const load = startHttpLoad(t, { port, keepAlive: false, paceMs: 10 });

    const first = `sqlite:${join(controlPlane.dataDirectory, 'hauberk.db')}`;
    const second = `sqlite:${join(mesh.directory, 'second.db')}`;
    const migrate = (from: string, to: string, ...args: readonly string[]) =>
      runHauberk(['store', 'migrate', '--from', from, '--to', to, ...args]);
    const busy = await migrate(first, etcd, `--unlock-key-file=${unlock}`);
    t.is(busy.code, 2);
    t.regex(
      busy.stderr,
      /^hauberk store migrate: another process has the store .*hauberk\.db open; stop the other/,
    );

    await controlPlane.kill();
    const unsealed = await migrate(first, etcd);
    t.is(unsealed.code, 2);
    t.regex(unsealed.stderr, /nothing is given to encrypt them with; give --unlock-key-file/);
    const there = await migrate(first, etcd, `--unlock-key-file=${unlock}`);
    t.is(there.code, 0, there.stderr);
    t.regex(there.stdout, /^moved \d+ keys from sqlite:.* to etcd\+plaintext:.*, and compared all/);
    await controlPlane.start([LIFETIME, `--store=${etcd}`, `--unlock-key-file=${unlock}`]);
    for (const { process } of [api, web]) await renewedAgain(process);
    const inEtcd = await verified(mesh, before.head);
    t.true(inEtcd.entries > before.entries);
    t.deepEqual(await tokensOf(mesh), tokens);

    const inUse = await migrate(etcd, second);
    t.is(inUse.code, 2);
    t.regex(inUse.stderr, /: a control plane uses etcd\+plaintext:.*; stop every control plane/);
    // At once, and not when it counts as gone: it has said that it ends.
    await controlPlane.process.end();
    const back = await migrate(etcd, second);
    t.is(back.code, 0, back.stderr);
    const former = await runHauberk([
      'control-plane',
      `--data-dir=${controlPlane.dataDirectory}`,
      `--store=${etcd}`,
      `--unlock-key-file=${unlock}`,
      '--grpc-listen=127.0.0.1:0',
      '--http-listen=127.0.0.1:0',
    ]);
    t.is(former.code, 2);
    t.regex(former.stderr, /the state of this store was moved to sqlite:.*second\.db; start with/);
    await controlPlane.start([LIFETIME, `--store=${second}`, `--unlock-key-file=${unlock}`]);
    for (const { process } of [api, web]) await renewedAgain(process);
    await verified(mesh, inEtcd.head);
    t.deepEqual(await tokensOf(mesh), tokens);
    await mesh.sidecar({ service: 'two', token: twice });
    const refused = await mesh.launch({ service: 'three', token: twice });
    t.is((await refused.logged('enrolment-refused'))['reason'], 'token-used-up');
    await load.more(20);
    t.deepEqual((await load.stop()).failures, []);

    async function verified(of: Mesh, head?: string): Promise<{ head: string; entries: number }> {
      const args = head === undefined ? [] : [`--head=${head}`];
      const { stdout, stderr } = await of.admin(['certs', 'verify', '--json', ...args]);
      const report = JSON.parse(stdout) as { head: string; entries: number; findings: string[] };
      t.deepEqual(report.findings, [], stderr);
      return report;
    }
  },
);

/** Once more than it has until now. */
async function renewedAgain(process: Awaited<ReturnType<Mesh['launch']>>): Promise<void> {
  const times = process.log.filter(({ event }) => event === 'renewed').length + 1;
  await process.logged('renewed', undefined, { times, deadlineMs: 90_000 });
}

async function tokensOf(mesh: Mesh): Promise<unknown> {
  const { stdout } = await mesh.admin(['token', 'list', '--json']);
  return JSON.parse(stdout);
}
