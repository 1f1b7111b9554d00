/**
 * A transparent sidecar is told of the services of its namespace, and asks about every other address when its application
 * first calls there. Until the control plane has answered, no byte goes anywhere.
 *
 *     web       calls; in the namespace shop, like nobody else
 *     api       is called, in another namespace
 *     vault     too, and the policy keeps web out
 *     squatter  says that it is where the stranger is, who is not of the mesh
 */
import { randomBytes } from 'node:crypto';
import { chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '../../helpers/deadline.ts';
import { startHauberk } from '../../helpers/mesh/hauberk-process.ts';
import type { MetricSamples } from '../../helpers/metric-samples.ts';
import { startCapture } from '../../helpers/netns/capture.ts';
import { asUser, type Ended } from '../../helpers/netns/network.ts';
import { startTransparentMesh } from '../../helpers/netns/transparent-mesh.ts';
import { requires } from '../../helpers/machine/requirements.ts';
import { fileScope } from '../../helpers/scope.ts';

const test = requires('network-namespaces', 'nft', 'ip', 'tcpdump', 'curl');
const scope = fileScope();
let started: ReturnType<typeof start> | undefined;
const mesh = (): ReturnType<typeof start> => (started ??= start());

/** The hosts get their addresses in the order of their names, after control and stranger. */
const CONTROL = '10.77.0.1';
const STRANGER = '10.77.0.2';

function start() {
  return startTransparentMesh(scope, {
    web: [],
    api: ['--namespace=far'],
    vault: ['--namespace=far'],
    squatter: ['--namespace=far', `--advertise=${STRANGER}`],
  });
}

const CURL = ['curl', '-sS', '--max-time', '10'] as const;
const canary = (): string => randomBytes(12).toString('hex');
/** What curl says of a reset: before it has noticed that it is connected, while it sends, or after. */
const CUT_OFF = new Set<number | null>([7, 55, 56]);
const isCutOff = ({ code, stdout }: Ended): boolean => CUT_OFF.has(code) && stdout === '';
const FAILED = 'hauberk_connections_failed_total';
const NOT_ANSWERED = { direction: 'outbound', reason: 'not-answered' };

const passed = (metrics: MetricSamples): number =>
  metrics.sum('hauberk_passthrough_connections_total', { direction: 'outbound' });
const answered = (metrics: MetricSamples, answer: string): number =>
  metrics.sum('hauberk_address_questions_total', { answer });

test.serial('an address that was never called gets no byte without an answer', async (t) => {
  const { hosts, controlPlane, network } = await mesh();
  const { web, api } = hosts;
  t.is((await web.metrics()).sum('hauberk_endpoints', { service: 'api.far' }), 0);
  t.is((await web.metrics()).sum('hauberk_interest', { kind: 'namespace' }), 1);
  const text = canary();
  const capture = await startCapture(t, network.bridge);
  controlPlane.signal('SIGSTOP');
  for (const address of [api.ipv4, STRANGER, CONTROL]) {
    const call = await web.run(...CURL, '-d', text, `http://${address}:8080/`);
    t.true(isCutOff(call), `${address}: ${call.code} ${call.stderr}`);
  }
  controlPlane.signal('SIGCONT');
  const [seen] = await capture.count(text);
  t.is(seen, 0);
  const metrics = await web.metrics();
  t.is(metrics.sum(FAILED, NOT_ANSWERED), 3);
  t.is(passed(metrics), 0);
  t.true(answered(metrics, 'none') >= 3);
  await web.sidecar.logged('capture-refused', (line) => line['reason'] === 'not-answered');
});

test.serial('a member of another namespace is found when it is called, and followed', async (t) => {
  const { hosts, network } = await mesh();
  const { web, api } = hosts;
  const text = canary();
  const capture = await startCapture(t, network.bridge);
  await eventually('the control plane is back', async () => {
    const { stdout } = await web.run(...CURL, '-d', text, `http://${api.ipv4}:8080/`);
    return stdout === `api got ${text}\n` || undefined;
  });
  const [seen] = await capture.count(text);
  t.is(seen, 0, 'not in plaintext');
  const metrics = await web.metrics();
  t.is(metrics.sum('hauberk_endpoints', { service: 'api.far' }), 1);
  t.is(metrics.sum('hauberk_address_questions_pending'), 0);
  await api.sidecar.end('SIGTERM');
  await eventually('web knows that it has gone', async () => {
    const { sum } = await web.metrics();
    return sum('hauberk_endpoints', { service: 'api.far' }) === 0 || undefined;
  });
  t.true(isCutOff(await web.run(...CURL, `http://${api.ipv4}:8080/`)), 'departed');
  await api.restartSidecar();
  await eventually('it is back', async () => {
    const { stdout } = await web.run(...CURL, `http://${api.ipv4}:8080/`);
    return stdout === 'api got \n' || undefined;
  });
  t.is(passed(await web.metrics()), 0);
});

test.serial(
  'one that the policy keeps us from is called through the mesh, and refuses',
  async (t) => {
    const { hosts, admin, network } = await mesh();
    const { web, vault } = hosts;
    const file = join(tmpdir(), `hauberk-vault-${process.pid}.yaml`);
    await writeFile(
      file,
      'authorization: {rules: [{name: vault, action: deny, to: [vault.far], from: [web.shop]}]}\n',
    );
    t.teardown(() => rm(file));
    await admin('apply', '-f', file);
    const text = canary();
    const capture = await startCapture(t, network.bridge);
    t.true(isCutOff(await web.run(...CURL, '-d', text, `http://${vault.ipv4}:8080/`)));
    const [seen] = await capture.count(text);
    t.is(seen, 0);
    t.is(passed(await web.metrics()), 0);
    const denied = { direction: 'inbound', reason: 'denied-rule' };
    t.is((await vault.metrics()).sum(FAILED, denied), 1);
  },
);

test.serial('a server outside is asked about once; a claim takes nothing from it', async (t) => {
  const { hosts } = await mesh();
  const { web } = hosts;
  for (let call = 0; call < 3; call += 1) {
    const { stdout } = await web.run(...CURL, `http://${STRANGER}:8080/`);
    t.is(stdout, 'stranger got \n');
  }
  const metrics = await web.metrics();
  t.is(passed(metrics), 3);
  t.is(metrics.sum('hauberk_endpoints', { service: 'squatter.far' }), 1, 'who claims it is known');
  t.is(metrics.sum('hauberk_interest', { kind: 'address' }), 4);
});

test.serial(
  'a restart without a control plane knows what was answered, and nothing else',
  async (t) => {
    const { hosts, controlPlane, network } = await mesh();
    const { web, api } = hosts;
    await web.sidecar.end('SIGTERM');
    controlPlane.signal('SIGSTOP');
    await web.restartSidecar();
    t.is((await web.run(...CURL, `http://${api.ipv4}:8080/`)).stdout, 'api got \n');
    t.is((await web.run(...CURL, `http://${STRANGER}:8080/`)).stdout, 'stranger got \n');
    const text = canary();
    const capture = await startCapture(t, network.bridge);
    const unmet = `http://[${network.hosts.stranger.ipv6}]:8080/`;
    t.true(isCutOff(await web.run(...CURL, '-d', text, unmet)));
    const [seen] = await capture.count(text);
    t.is(seen, 0);
    controlPlane.signal('SIGCONT');
    await eventually('it is answered', async () => {
      const { stdout } = await web.run(...CURL, unmet);
      return stdout === 'stranger got \n' || undefined;
    });
  },
);

test.serial(
  'an address that was of no member leads into the mesh when one joins there',
  async (t) => {
    const { hosts, admin, network, stranger } = await mesh();
    const { web } = hosts;
    const before = passed(await web.metrics());
    t.is((await web.run(...CURL, `http://${STRANGER}:8080/`)).stdout, 'stranger got \n');
    t.is(passed(await web.metrics()), before + 1);
    const directory = await mkdtemp(join(tmpdir(), 'hauberk-late-'));
    t.teardown(() => rm(directory, { recursive: true, force: true }));
    await chown(directory, 15_337, 15_337);
    const token = await admin('token', 'create', '--namespace', 'far', '--service', 'late');
    const late = startHauberk(
      [
        'proxy',
        '--namespace=far',
        '--service=late',
        `--control-plane=${network.hosts.control.ipv4}:15012`,
        `--state-dir=${directory}`,
        '--metrics-listen=127.0.0.1:15020',
        '--expose=8080',
      ],
      {
        env: { HAUBERK_TOKEN: token.trim() },
        through: [...stranger.through, ...asUser('15337')],
      },
    );
    t.teardown(() => late.end('SIGKILL'));
    await late.logged('ready');
    await eventually('web is told', async () => {
      const { sum } = await web.metrics();
      return sum('hauberk_endpoints', { service: 'late.far' }) === 1 || undefined;
    });
    t.is((await web.run(...CURL, `http://${STRANGER}:8080/`)).stdout, 'stranger got \n');
    t.is(passed(await web.metrics()), before + 1, 'through the mesh');
  },
);
