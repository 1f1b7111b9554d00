/**
 * What is not of the mesh: who may come in, where applications may call, and that nothing of the mesh
 * ever falls back to plaintext, with a sidecar that is dead or on a port that nobody serves.
 *
 *     web    the defaults: calls anywhere, takes plaintext on 8090 alone
 *     shut   calls members of the mesh only, and takes plaintext while it moves in
 */
import { randomBytes } from 'node:crypto';
import { eventually } from '../../helpers/deadline.ts';
import { startCapture } from '../../helpers/netns/capture.ts';
import { converse } from '../../helpers/netns/processes.ts';
import { isCutOff } from '../../helpers/netns/cut-off.ts';
import { startTransparentMesh } from '../../helpers/netns/transparent-mesh.ts';
import { requires } from '../../helpers/machine/requirements.ts';
import { fileScope } from '../../helpers/scope.ts';

const test = requires('network-namespaces', 'nft', 'ip', 'tcpdump', 'curl');
const scope = fileScope();
let started: ReturnType<typeof start> | undefined;
const mesh = (): ReturnType<typeof start> => (started ??= start());

function start() {
  return startTransparentMesh(scope, {
    web: ['--ingress=8090'],
    shut: ['--outbound=mesh-only', '--inbound=permissive', '--allow=8090=web'],
  });
}

const CURL = ['curl', '-sS', '--max-time', '10'] as const;
const canary = (): string => randomBytes(12).toString('hex');
const PASSED = 'hauberk_passthrough_connections_total';
const FAILED = 'hauberk_connections_failed_total';

test.serial(
  'strict: a stranger is refused, but for the port that is open to everybody',
  async (t) => {
    const { hosts, stranger } = await mesh();
    const { web } = hosts;
    const refused = { direction: 'inbound', reason: 'plaintext' };
    const before = await web.metrics();
    for (const address of [web.ipv4, `[${web.ipv6}]`]) {
      t.true(isCutOff(await stranger.run(...CURL, `http://${address}:8080/`)), address);
      const { stdout } = await stranger.run(...CURL, `http://${address}:8090/`);
      t.is(stdout, 'web got \n', address);
    }
    const after = await web.metrics();
    t.is(after.sum(FAILED, refused) - before.sum(FAILED, refused), 2);
    t.is(after.sum(PASSED, { direction: 'inbound' }) - before.sum(PASSED), 2);
    await web.sidecar.logged('capture-refused', (line) => line['place'] === stranger.ipv4);
  },
);

test.serial(
  'permissive: a stranger is let in and counted, but not where callers are named',
  async (t) => {
    const { hosts, stranger } = await mesh();
    const { shut } = hosts;
    const before = await shut.metrics();
    t.is((await stranger.run(...CURL, `http://${shut.ipv4}:8080/`)).stdout, 'shut got \n');
    t.true(isCutOff(await stranger.run(...CURL, `http://${shut.ipv4}:8090/`)));
    const inbound = { direction: 'inbound' };
    const after = await shut.metrics();
    t.is(after.sum(PASSED, inbound) - before.sum(PASSED, inbound), 1);
    // The one who is named comes through the mesh.
    t.is((await hosts.web.run(...CURL, `http://${shut.ipv4}:8090/`)).stdout, 'shut got \n');
  },
);

for (const [title, port] of [
  ['the outbound', 15_001],
  ['the inbound', 15_006],
] as const) {
  test.serial(`a stranger is refused on ${title} capture port`, async (t) => {
    const { hosts, stranger } = await mesh();
    for (const host of [hosts.web, hosts.shut]) {
      const talk = converse(t, stranger, ['tcp', host.ipv4, port]);
      t.is(await talk.ended, 'ECONNRESET', host.name);
    }
  });
}

test.serial('passthrough: a call to a stranger is made, counted, and listed', async (t) => {
  const { hosts, stranger, admin } = await mesh();
  const { web } = hosts;
  const talk = converse(t, web, ['tcp', stranger.ipv4, 2525]);
  await talk.hear('220 stranger\n');
  const open = 'hauberk_passthrough_connections_open';
  t.is((await web.metrics()).sum(open, { direction: 'outbound' }), 1);
  talk.end();
  t.is(await talk.ended, '');
  await eventually('the connection is counted as ended', async () => {
    const metrics = await web.metrics();
    return metrics.sum(open) === 0 ? metrics : undefined;
  });
  const row = await eventually('hauberk status lists it', async () => {
    const lines = (await admin('status')).split('\n');
    return lines.find((line) => /^web +shop +to /.test(line));
  });
  t.regex(row, new RegExp(`${stranger.ipv4} +2525 +1`));
  // A closed port of a stranger is a reset too, never an orderly end.
  t.is(await converse(t, web, ['tcp', stranger.ipv4, 9]).ended, 'ECONNRESET');
});

test.serial('mesh-only: a call to a stranger is refused, one to a member is made', async (t) => {
  const { hosts, stranger } = await mesh();
  const { shut } = hosts;
  t.true(isCutOff(await shut.run(...CURL, `http://${stranger.ipv4}:8080/`)));
  t.is((await shut.run(...CURL, `http://${hosts.web.ipv4}:8080/`)).stdout, 'web got \n');
  const metrics = await shut.metrics();
  t.is(metrics.sum(FAILED, { direction: 'outbound', reason: 'not-in-mesh' }), 1);
  t.is(metrics.sum(PASSED, { direction: 'outbound' }), 0);
});

test.serial('a port that nobody serves is not tried in plaintext', async (t) => {
  const { hosts, network } = await mesh();
  const text = canary();
  const capture = await startCapture(t, network.bridge);
  const call = await hosts.web.run(...CURL, '-d', text, `http://${hosts.shut.ipv4}:7777/`);
  t.true(isCutOff(call));
  const [seen] = await capture.count(text);
  t.is(seen, 0);
});

test.serial('without its sidecar nothing leaves, and nothing comes in', async (t) => {
  const { hosts, stranger, network } = await mesh();
  const { web, shut } = hosts;
  const text = canary();
  const capture = await startCapture(t, network.bridge);
  await web.sidecar.end('SIGKILL');
  const post = [...CURL, '-d', text] as const;
  for (const place of [stranger.ipv4, shut.ipv4, `[${shut.ipv6}]`]) {
    t.true(isCutOff(await web.run(...post, `http://${place}:8080/`)), place);
  }
  t.true(isCutOff(await stranger.run(...post, `http://${web.ipv4}:8090/`)));
  t.is(await converse(t, web, ['tcp', shut.ipv4, 8080]).ended, 'ECONNREFUSED');
  t.is(await converse(t, stranger, ['tcp', web.ipv4, 8090]).ended, 'ECONNREFUSED');
  t.true(isCutOff(await shut.run(...post, `http://${web.ipv4}:8080/`)));
  const [seen] = await capture.count(text);
  t.is(seen, 0);

  await web.restartSidecar();
  t.is((await web.run(...CURL, `http://${shut.ipv4}:8080/`)).stdout, 'shut got \n');
  t.is((await shut.run(...CURL, `http://${web.ipv4}:8080/`)).stdout, 'web got \n');
});

test.serial('a network that is left out is called without the sidecar', async (t) => {
  const { hosts, stranger } = await mesh();
  const { shut } = hosts;
  await shut.initNetns(`--exclude-cidr=${stranger.ipv4}/32`, '--exclude-cidr=fd99::/16');
  t.is((await shut.run(...CURL, `http://${stranger.ipv4}:8080/`)).stdout, 'stranger got \n');
  t.true(isCutOff(await shut.run(...CURL, `http://[${stranger.ipv6}]:8080/`)));
  t.is((await shut.metrics()).sum(PASSED, { direction: 'outbound' }), 0);
  await shut.initNetns();
  t.true(isCutOff(await shut.run(...CURL, `http://${stranger.ipv4}:8080/`)));
});

test.serial('a port that is left out is called, and answers, without the sidecar', async (t) => {
  const { hosts, stranger } = await mesh();
  const { shut } = hosts;
  await shut.initNetns('--exclude-port=8090');
  t.is((await shut.run(...CURL, `http://${stranger.ipv4}:8090/`)).stdout, 'stranger got \n');
  t.is((await stranger.run(...CURL, `http://${shut.ipv4}:8090/`)).stdout, 'shut got \n');
  await shut.initNetns();
  t.true(isCutOff(await stranger.run(...CURL, `http://${shut.ipv4}:8090/`)));
});

test.serial('--teardown is the way back to plaintext', async (t) => {
  const { hosts, stranger, network } = await mesh();
  const { web } = hosts;
  t.true(isCutOff(await stranger.run(...CURL, `http://${web.ipv4}:8080/`)));
  await web.initNetns('--teardown');
  const text = canary();
  const capture = await startCapture(t, network.bridge);
  const call = await stranger.run(...CURL, '-d', text, `http://${web.ipv4}:8080/`);
  t.is(call.stdout, `web got ${text}\n`);
  t.is((await web.run(...CURL, `http://${stranger.ipv4}:8080/`)).stdout, 'stranger got \n');
  const [seen = 0] = await capture.count(text);
  t.true(seen >= 2);
});
