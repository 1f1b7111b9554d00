/**
 * Applications that know nothing of the mesh call each other by address. What goes over the network
 * between them is encrypted, whatever they speak; nothing about the calls is different for them.
 */
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { startCapture } from '../../helpers/netns/capture.ts';
import { converse } from '../../helpers/netns/processes.ts';
import { startTransparentMesh } from '../../helpers/netns/transparent-mesh.ts';
import { requires } from '../../helpers/machine/requirements.ts';
import { fileScope } from '../../helpers/scope.ts';

const test = requires('network-namespaces', 'nft', 'ip', 'tcpdump', 'curl', 'ping');
const scope = fileScope();
let started: ReturnType<typeof start> | undefined;
const mesh = (): ReturnType<typeof start> => (started ??= start());

function start() {
  return startTransparentMesh(scope, { web: [], api: ['--ingress=8090'] });
}

const CURL = ['curl', '-sS', '--max-time', '10'] as const;
const canary = (): string => randomBytes(12).toString('hex');

for (const family of ['ipv4', 'ipv6'] as const) {
  test.serial(`a call over ${family} is answered, and cannot be read on the network`, async (t) => {
    const { hosts, stranger, network } = await mesh();
    const at = (port: number): string =>
      family === 'ipv4'
        ? `http://${hosts.api.ipv4}:${port}/`
        : `http://[${hosts.api.ipv6}]:${port}/`;
    const capture = await startCapture(t, network.bridge);
    const [asked, body, open] = [canary(), canary(), canary()];
    const header = `x-canary: ${asked}`;
    const call = await hosts.web.run(...CURL, '-H', header, '-d', body, at(8080));
    t.deepEqual(call, { code: 0, stdout: `api got ${asked}${body}\n`, stderr: '' });
    // The same from outside, to a port that is open to everybody: this one can be read.
    const control = await stranger.run(...CURL, '-H', `x-canary: ${open}`, at(8090));
    t.is(control.stdout, `api got ${open}\n`);

    const [askedSeen = 0, bodySeen = 0, openSeen = 0] = await capture.count(asked, body, open);
    t.true(openSeen >= 2, 'the capture sees what passes in plaintext, both ways');
    t.deepEqual([askedSeen, bodySeen], [0, 0]);
  });
}

test.serial('the sidecar that does it has no privilege', async (t) => {
  const { hosts } = await mesh();
  const status = await readFile(`/proc/${hosts.web.sidecar.pid}/status`, 'utf8');
  t.regex(status, /^Uid:\t15337\t15337\t15337\t15337$/m);
  for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb']) {
    t.regex(status, new RegExp(`^${set}:\\t0{16}$`, 'm'));
  }
});

test.serial('each end knows who is at the other, by identity', async (t) => {
  const { hosts } = await mesh();
  await hosts.web.run(...CURL, `http://${hosts.api.ipv4}:8080/`);
  const [web, api] = await Promise.all([hosts.web.metrics(), hosts.api.metrics()]);
  const toApi = { direction: 'outbound', peer: 'spiffe://mesh.local/ns/shop/sa/api' };
  const fromWeb = { direction: 'inbound', peer: 'spiffe://mesh.local/ns/shop/sa/web' };
  t.true(web.sum('hauberk_connections_opened_total', toApi) >= 1);
  t.true(api.sum('hauberk_connections_opened_total', fromWeb) >= 1);
  t.is(web.sum('hauberk_passthrough_connections_total'), 0);
});

test.serial('a server may speak first', async (t) => {
  const { hosts } = await mesh();
  const talk = converse(t, hosts.web, ['tcp', hosts.api.ipv4, 2525]);
  await talk.hear('220 api\n');
  talk.say('hello\n');
  await talk.hear('hello\n');
  talk.end();
  t.is(await talk.ended, '');
});

test.serial('a closed port is a reset', async (t) => {
  const { hosts } = await mesh();
  const talk = converse(t, hosts.web, ['tcp', hosts.api.ipv4, 9]);
  t.is(await talk.ended, 'ECONNRESET');
});

test.serial('what listens on 127.0.0.1 alone stays out of reach', async (t) => {
  const { hosts } = await mesh();
  const local = await hosts.api.run(...CURL, 'http://127.0.0.1:9100/');
  t.is(local.stdout, 'api got \n');
  const remote = await hosts.web.run(...CURL, `http://${hosts.api.ipv4}:9100/`);
  t.is(remote.stdout, '');
  t.is(await converse(t, hosts.web, ['tcp', hosts.api.ipv4, 9100]).ended, 'ECONNRESET');
});

test.serial('a call to an address of its own stays on the host', async (t) => {
  const { hosts } = await mesh();
  const { web } = hosts;
  const before = await web.metrics();
  for (const address of [web.ipv4, `[${web.ipv6}]`, '127.0.0.1']) {
    const { stdout } = await web.run(...CURL, `http://${address}:8080/`);
    t.is(stdout, 'web got \n', address);
  }
  const opened = 'hauberk_connections_opened_total';
  t.is((await web.metrics()).sum(opened), before.sum(opened));
});

test.serial('UDP and ICMP pass untouched', async (t) => {
  const { hosts, network } = await mesh();
  const capture = await startCapture(t, network.bridge);
  const text = canary();
  const talk = converse(t, hosts.web, ['udp', hosts.api.ipv4, 5353]);
  talk.say(text);
  await talk.hear(text);
  const [seen = 0] = await capture.count(text);
  t.true(seen >= 2);
  for (const address of [hosts.api.ipv4, hosts.api.ipv6]) {
    await t.notThrowsAsync(hosts.web.configure(`ping -c 1 -W 5 ${address}`));
  }
});

for (const port of [15_001, 15_006, 15_008, 15_020]) {
  test.serial(`port ${port} of a peer leads nowhere, and to no loop`, async (t) => {
    const { hosts } = await mesh();
    const talk = converse(t, hosts.web, ['tcp', hosts.api.ipv4, port]);
    t.is(await talk.ended, 'ECONNRESET');
  });
}

for (const [port, host] of [
  [15_001, '127.0.0.1'],
  [15_001, '::1'],
  [15_006, '127.0.0.1'],
  [15_006, '::1'],
] as const) {
  test.serial(`a connection to the capture port itself is reset: ${host} ${port}`, async (t) => {
    const { hosts } = await mesh();
    const opened = (samples: Awaited<ReturnType<typeof hosts.web.metrics>>): number =>
      samples.sum('hauberk_connections_failed_total', { reason: 'own-port' });
    const before = opened(await hosts.web.metrics());
    const talk = converse(t, hosts.web, ['tcp', host, port]);
    t.is(await talk.ended, 'ECONNRESET');
    t.is(opened(await hosts.web.metrics()) - before, 1, 'refused once, not again and again');
  });
}

test.serial('rules that are applied again hurt no connection', async (t) => {
  const { hosts } = await mesh();
  const talk = converse(t, hosts.web, ['tcp', hosts.api.ipv4, 2525]);
  await talk.hear('220 api\n');
  await Promise.all([hosts.web.initNetns(), hosts.api.initNetns('--exclude-port=7')]);
  talk.say('still there?\n');
  await talk.hear('still there?\n');
  const { stdout } = await hosts.web.run(...CURL, `http://${hosts.api.ipv4}:8080/`);
  t.is(stdout, 'api got \n');
  talk.end();
  t.is(await talk.ended, '');
});
