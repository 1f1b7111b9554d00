/**
 * An address is a claim. Workloads with valid certificates name addresses that are not theirs, on a network of
 * real hosts, and take nothing from anybody.
 *
 *     web       calls
 *     api       is called
 *     squatter  says that it is where the stranger is, who is not of the mesh
 *     thief     says that it is where api is
 */
import { chown, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '../../helpers/deadline.ts';
import { startHauberk, type HauberkProcess } from '../../helpers/mesh/hauberk-process.ts';
import { asUser } from '../../helpers/netns/network.ts';
import { isCutOff } from '../../helpers/netns/cut-off.ts';
import { startTransparentMesh } from '../../helpers/netns/transparent-mesh.ts';
import { requires } from '../../helpers/machine/requirements.ts';
import { fileScope } from '../../helpers/scope.ts';

const test = requires('network-namespaces', 'nft', 'ip', 'curl');
const scope = fileScope();
let started: ReturnType<typeof start> | undefined;
const mesh = (): ReturnType<typeof start> => (started ??= start());

/** The hosts get their addresses in the order of their names, after control and stranger. */
const STRANGER = '10.77.0.2';
const API = '10.77.0.4';

function start() {
  return startTransparentMesh(scope, {
    web: [],
    api: [],
    squatter: [`--advertise=${STRANGER}`],
    thief: [`--advertise=${API}`],
  });
}

const CURL = ['curl', '-sS', '--max-time', '10'] as const;
const PASSED = 'hauberk_passthrough_connections_total';

interface StatusRow {
  readonly service: string;
  readonly addresses: readonly string[];
  readonly provenAddresses: readonly string[];
  readonly conflicts: readonly unknown[];
}

async function rows(): Promise<readonly StatusRow[]> {
  const { admin } = await mesh();
  return (JSON.parse(await admin('status', '--json')) as { sidecars: StatusRow[] }).sidecars;
}

test.serial('who claims the address of an outside server takes nothing from it', async (t) => {
  const { hosts, stranger } = await mesh();
  t.is(stranger.ipv4, STRANGER);
  const row = await eventually(
    'the addresses of the squatter are proven, as far as they can be',
    async () =>
      (await rows()).find(
        (one) => one.service === 'squatter' && one.provenAddresses.includes(hosts.squatter.ipv6),
      ),
  );
  t.true(row.addresses.includes(STRANGER));
  t.false(row.provenAddresses.includes(STRANGER));
  for (let call = 0; call < 5; call += 1) {
    const { stdout } = await hosts.web.run(...CURL, `http://${STRANGER}:8080/`);
    t.is(stdout, 'stranger got \n');
  }
  t.is((await hosts.web.metrics()).sum(PASSED, { direction: 'outbound' }), 5);
  // What the squatter really is, it is in the mesh.
  t.is(
    (await hosts.web.run(...CURL, `http://${hosts.squatter.ipv4}:8080/`)).stdout,
    'squatter got \n',
  );
});

test.serial(
  'when it has left, the server is nobody of the mesh, and the squatter was',
  async (t) => {
    const { hosts } = await mesh();
    await hosts.squatter.sidecar.end('SIGTERM');
    await eventually('web knows', async () =>
      isCutOff(await hosts.web.run(...CURL, `http://${hosts.squatter.ipv4}:8080/`))
        ? true
        : undefined,
    );
    t.is((await hosts.web.run(...CURL, `http://${STRANGER}:8080/`)).stdout, 'stranger got \n');
  },
);

test.serial('who claims the address of another service gets none of its calls', async (t) => {
  const { hosts } = await mesh();
  t.is(hosts.api.ipv4, API);
  for (let call = 0; call < 12; call += 1) {
    const { stdout } = await hosts.web.run(...CURL, `http://${API}:8080/`);
    t.is(stdout, 'api got \n');
  }
  await hosts.api.sidecar.end('SIGTERM');
  for (let call = 0; call < 3; call += 1) {
    t.true(isCutOff(await hosts.web.run(...CURL, `http://${API}:8080/`)));
  }
  await hosts.api.restartSidecar();
});

test.serial(
  'who is on the same host gets none of the calls to a port that was another’s',
  async (t) => {
    const { hosts, admin, network } = await mesh();
    const { api, web } = hosts;
    await api.initNetns('--exclude-port=16008');
    const directory = await mkdtemp(join(tmpdir(), 'hauberk-rival-'));
    t.teardown(() => rm(directory, { recursive: true, force: true }));
    await chown(directory, 15_337, 15_337);
    const token = await admin('token', 'create', '--namespace', 'shop', '--service', 'rival');
    const rival: HauberkProcess = startHauberk(
      [
        'proxy',
        '--namespace=shop',
        '--service=rival',
        `--control-plane=${network.hosts.control.ipv4}:15012`,
        `--state-dir=${directory}`,
        '--hbone-listen=0.0.0.0:16008',
        `--advertise=${API}:16008`,
        '--metrics-listen=127.0.0.1:16020',
        '--expose=8080=127.0.0.1:8090',
      ],
      {
        env: { HAUBERK_TOKEN: token.trim() },
        through: [...api.through, ...asUser('15337')],
      },
    );
    t.teardown(() => rival.end('SIGKILL'));
    await rival.logged('ready');
    const row = await eventually('the rival is known', async () =>
      (await rows()).find((one) => one.service === 'rival'),
    );
    const holder = 'spiffe://mesh.local/ns/shop/sa/api';
    t.deepEqual(row.conflicts, [{ address: API, holder, ports: [8080] }]);
    t.regex(await admin('status'), /^rival +shop +10\.77\.0\.4 +8080 +spiffe:.*\/api$/m);
    // Both sides are told.
    await rival.logged('address-conflict', (line) => line['holder'] === holder);
    await api.sidecar.logged('address-conflict', (line) =>
      String(line['claimant']).endsWith('/rival'),
    );
    for (let call = 0; call < 12; call += 1) {
      t.is((await web.run(...CURL, `http://${API}:8080/`)).stdout, 'api got \n');
    }
    t.is(rival.log.filter(({ event }) => event === 'stream-refused').length, 0);

    await api.sidecar.end('SIGTERM');
    for (let call = 0; call < 5; call += 1) {
      t.true(isCutOff(await web.run(...CURL, `http://${API}:8080/`)), 'nobody is handed over');
    }
    await api.restartSidecar();
    await eventually('api is back', async () =>
      (await web.run(...CURL, `http://${API}:8080/`)).stdout === 'api got \n' ? true : undefined,
    );
  },
);

test.serial(
  'an address that the control plane cannot reach is found by who calls it',
  async (t) => {
    const { hosts } = await mesh();
    const { api, web } = hosts;
    const pid = /\/proc\/(\d+)\//.exec(api.through.join(' '))?.[1] ?? '';
    await web.configure(`
    ip link add second type veth peer name second netns ${pid}
    ip addr add 10.88.0.1/24 dev second
    ip link set second up`);
    await api.configure(`
    ip addr add 10.88.0.2/24 dev second
    ip link set second up`);
    const row = await eventually('api says that it is there', async () =>
      (await rows()).find((one) => one.service === 'api' && one.addresses.includes('10.88.0.2')),
    );
    t.false(row.provenAddresses.includes('10.88.0.2'));
    // Its endpoint has changed so often here that what is new of it is held back for a while.
    const call = async () => (await web.run(...CURL, 'http://10.88.0.2:8080/')).stdout;
    await eventually('web hears of it', async () =>
      (await call()) === 'api got \n' ? true : undefined,
    );
    const before = (await web.metrics()).sum(PASSED, { direction: 'outbound' });
    t.is(await call(), 'api got \n');
    t.is((await web.metrics()).sum(PASSED, { direction: 'outbound' }), before, 'not in plaintext');

    // It is known now, and never called in plaintext while it is down.
    await api.sidecar.end('SIGKILL');
    await api.initNetns('--teardown');
    t.true(isCutOff(await web.run(...CURL, 'http://10.88.0.2:8080/')));
    t.is((await web.metrics()).sum(PASSED, { direction: 'outbound' }), before);
  },
);
