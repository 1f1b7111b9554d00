import { once } from 'node:events';
import { createServer } from 'node:net';
import test from 'ava';
import { checkHost } from '../../../cli/check/check-host.ts';
import { readHostFacts, type HostFacts } from '../../../cli/check/host-facts.ts';
import { freePort } from '../../helpers/free-port.ts';

const FIT: HostFacts = {
  platform: 'linux',
  hasNft: true,
  mayChangeNetwork: true,
  maxDescriptors: 1_048_576,
  portsInUse: [],
};

const said = (facts: Partial<HostFacts>): readonly string[] =>
  checkHost({ ...FIT, ...facts })
    .filter(({ state }) => state !== 'ok')
    .map(({ check, state }) => `${check} ${state}`);

test('a host that has everything', (t) => {
  t.deepEqual(said({}), []);
});

test('each thing that is missing is said', (t) => {
  t.deepEqual(said({ platform: 'darwin' }), ['platform warning']);
  t.deepEqual(said({ hasNft: false }), ['nft failed']);
  t.deepEqual(said({ mayChangeNetwork: false }), ['net-admin warning']);
  t.deepEqual(said({ maxDescriptors: 1_024 }), ['descriptors warning']);
  t.deepEqual(said({ portsInUse: [15_008] }), ['ports warning']);
});

test('a port that is in use is found, and one that is not', async (t) => {
  const port = await freePort();
  const server = createServer().listen(port);
  await once(server, 'listening');
  t.deepEqual((await readHostFacts('', [port])).portsInUse, [port]);
  await once(server.close(), 'close');
  t.deepEqual((await readHostFacts('', [port])).portsInUse, []);
});

test('a program of npm that is called nft is not the one', async (t) => {
  const facts = await readHostFacts('/nowhere/node_modules/.bin', []);
  t.is(facts.platform, process.platform);
  t.is(typeof facts.hasNft, 'boolean');
});
