/**
 * Three members of etcd, two control planes, two services with their sidecars, all of them processes, and requests without
 * a pause. Each control plane is killed, stopped and restarted; then etcd loses its majority for longer than
 * certificates live, and gets it back. No request fails, certificates are renewed all the time, and the issuance log is whole.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { startEtcdForControlPlanes } from '../../helpers/etcd/etcd-control-planes.ts';
import { eventually } from '../../helpers/deadline.ts';
import {
  runHauberk,
  startHauberk,
  type HauberkProcess,
} from '../../helpers/mesh/hauberk-process.ts';
import { startHttpApp } from '../../helpers/servers/http-app.ts';
import { startHttpLoad } from '../../helpers/clients/http-load.ts';
import {
  sidecarArguments,
  watchSidecar,
  type Sidecar,
  type SidecarOptions,
} from '../../helpers/mesh/mesh-sidecar.ts';
import { requires } from '../../helpers/machine/requirements.ts';

const test = requires('etcd', 'etcdctl', 'openssl');

const LIFETIME_SECONDS = 40;
const LIMIT_MS = 8 * 60_000;

test('each control plane and the store are lost in turn, and no request notices', async (t) => {
  t.timeout(LIMIT_MS);
  const etcd = await startEtcdForControlPlanes(t, 3);
  const start = async (name: string, port = 0): Promise<HauberkProcess> => {
    const process = etcd.start(name, [
      ...etcd.store,
      ...etcd.unlock,
      '--issue-without-store',
      `--certificate-lifetime=${LIFETIME_SECONDS}s`,
      `--grpc-listen=127.0.0.1:${port}`,
    ]);
    await process.logged('ready');
    return process;
  };
  let [one, two] = [await start('one'), await start('two')];
  const ports = [await one.port('grpc'), await two.port('grpc')] as const;
  const addresses = ports.map((port) => `127.0.0.1:${port}`).join(',');
  const operate = async (...command: string[]): Promise<string> => {
    const admin = `--admin=${join(etcd.dataDir('two'), 'admin.pem')}`;
    const { code, stdout, stderr } = await runHauberk([
      ...command,
      `--control-plane=${addresses}`,
      admin,
    ]);
    if (code !== 0) throw new Error(`${command.join(' ')} failed with ${code}: ${stderr}`);
    return stdout;
  };
  const tokenFile = join(etcd.directory, 'token');
  await writeFile(tokenFile, await operate('token', 'create', '--namespace=default', '--uses=0'));
  const sidecar = async (options: SidecarOptions): Promise<Sidecar> => {
    const stateDirectory = join(etcd.directory, options.service);
    const args = sidecarArguments({ ...options, stateDirectory }, addresses);
    const process = startHauberk([...args, `--token-file=${tokenFile}`]);
    t.teardown(() => process.end('SIGKILL'));
    await process.logged('sync-connected');
    return watchSidecar(process, { ...options, stateDirectory });
  };
  const app = await startHttpApp(t, 'api');
  const api = await sidecar({ service: 'api', expose: [`8080=127.0.0.1:${app.port}`] });
  const web = await sidecar({ service: 'web', upstreams: ['api:8080'] });
  const sidecars = [api, web];
  const load = startHttpLoad(t, { port: web.upstreamPorts[0] ?? 0, keepAlive: false, paceMs: 10 });

  const connected = (): Promise<unknown> =>
    Promise.all(
      sidecars.map(({ metrics }) =>
        eventually('a control plane for each sidecar', async () =>
          (await metrics()).sum('hauberk_control_plane_connected') === 1 ? true : undefined,
        ),
      ),
    );
  const renewals = (): Promise<number[]> =>
    Promise.all(
      sidecars.map(async ({ metrics }) =>
        (await metrics()).sum('hauberk_certificate_renewals_total'),
      ),
    );
  const renewed = async (before: readonly number[]): Promise<unknown> =>
    eventually(
      'a renewal of each',
      async () => {
        const now = await renewals();
        return now.every((count, at) => count > (before[at] ?? 0)) ? true : undefined;
      },
      LIFETIME_SECONDS * 2_000,
    );

  await one.end('SIGKILL');
  await connected();
  await load.more(50);
  one = await start('one', ports[0]);
  two.signal('SIGSTOP');
  await connected();
  await load.more(50);
  t.regex(await operate('status'), /\bweb\b/, 'commands find the one that answers');
  two.signal('SIGCONT');
  await two.end();
  two = await start('two', ports[1]);
  await connected();

  for (const member of [0, 1]) await etcd.cluster.kill(member);
  await renewed(await renewals());
  await renewed(await renewals());
  await load.more(50);
  const journals = await Promise.all(
    ['one', 'two'].map((name) =>
      readFile(join(etcd.dataDir(name), 'issued-without-store', 'journal.jsonl'), 'utf8'),
    ),
  );
  t.true(journals.join('').split('\n').length > 4, 'each was renewed twice');
  for (const member of [0, 1]) etcd.cluster.start(member);
  await etcd.cluster.ready();
  await eventually('the journals to be in the log', async () => {
    const left = await Promise.all(
      ['one', 'two'].map((name) =>
        readFile(join(etcd.dataDir(name), 'issued-without-store', 'journal.jsonl'), 'utf8'),
      ),
    );
    return left.join('') === '' ? true : undefined;
  });
  await connected();
  await renewed(await renewals());
  const certificates = await operate('certs');
  for (const line of journals.join('').trim().split('\n')) {
    const { issuance } = JSON.parse(line) as { issuance: { serial: string } };
    const at = certificates.split(issuance.serial).length - 1;
    t.is(at, 1, `${issuance.serial} is in the log once`);
  }
  await t.notThrowsAsync(operate('certs', 'verify'));
  await load.more(50);
  const { requests, failures, bodies } = await load.stop();
  const said = web.process.log.filter(({ event }) => event === 'connection-failed').slice(0, 5);
  t.deepEqual(failures, [], JSON.stringify(said));
  t.is(bodies.get('api'), requests);
});
