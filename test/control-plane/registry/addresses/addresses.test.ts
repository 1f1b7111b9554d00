/**
 * What becomes of the addresses that sidecars name: which are proven and by what, who keeps one that two
 * claim, and what is held for whom when a sidecar leaves.
 */
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { createGuard } from '../../../../common/guard.ts';
import { encodeConfig, NO_CONFIG } from '../../../../control-plane/policy/config-record.ts';
import { startAddressProver } from '../../../../control-plane/registry/addresses/prover.ts';
import type { DialBackTarget } from '../../../../control-plane/registry/addresses/dial-back.ts';
import { RETAINED_TTL_MS } from '../../../../control-plane/registry/addresses/retained-addresses.ts';
import { LOST_TTL_MS } from '../../../../control-plane/registry/registry.ts';
import type { SidecarRecord } from '../../../../control-plane/registry/sidecar-record.ts';
import { eventually } from '../../../helpers/deadline.ts';
import { createLogRecorder } from '../../../helpers/log-recorder.ts';
import { rig, type Life, type Rig } from '../registry-under-test.ts';

const spiffeId = (service: string): string => `spiffe://mesh.local/ns/shop/sa/${service}`;

const sidecar = (service: string, more: Partial<SidecarRecord> = {}): Partial<SidecarRecord> => ({
  instanceId: `${service}-1`,
  spiffeId: spiffeId(service),
  addresses: ['10.0.0.1'],
  seen: '10.0.0.1',
  ports: [80],
  ...more,
});

/** What peers are told of a sidecar, in words. */
function told({ view }: Life, service: string): string {
  const endpoint = view.endpoints.get(`${service}-1`);
  if (endpoint === undefined) return 'nothing';
  const { proven, contests, addresses } = endpoint;
  return addresses
    .map((address) => {
      if (!proven.includes(address)) return `${address} claimed`;
      const contest = contests.find((one) => one.address === address);
      const holder = contest?.holder.split('/').at(-1);
      return holder === undefined ? `${address} proven` : `${address} after ${holder}`;
    })
    .join(', ');
}

async function start(t: ExecutionContext): Promise<Pick<Rig, 'clock' | 'log'> & { life: Life }> {
  const { start: startLife, clock, log } = await rig(t);
  return { life: await startLife(), clock, log };
}

/** Proves addresses where `finds` says, and remembers where it looked. */
function prove(
  t: ExecutionContext,
  { registry, view }: Life,
  clock: Rig['clock'],
  finds: (target: DialBackTarget) => boolean,
  mayDial: (address: string) => boolean = () => true,
): string[] {
  const dialled: string[] = [];
  const { logger } = createLogRecorder();
  const prover = startAddressProver({
    registry,
    view,
    mayDial: (_record, address) => mayDial(address),
    async dialBack(target) {
      dialled.push(
        `${target.spiffeId.split('/').at(-1) ?? ''} ${target.address}:${target.hbonePort}`,
      );
      return finds(target);
    },
    clock,
    logger,
    guard: createGuard({ logger, clock }),
    count: () => undefined,
  });
  t.teardown(() => prover.close());
  return dialled;
}

async function becomes(life: Life, service: string, wanted: string): Promise<void> {
  await eventually(`${service} is ${wanted}`, () => told(life, service) === wanted || undefined);
}

test('only the address that a sidecar comes from counts by itself', async (t) => {
  const { life } = await start(t);
  await life.connect(sidecar('web', { addresses: ['10.0.0.1', '10.99.0.50'] }));
  t.is(told(life, 'web'), '10.0.0.1 proven, 10.99.0.50 claimed');
  await life.connect(sidecar('evil', { addresses: ['10.99.0.50'], seen: '10.0.0.66' }));
  t.is(told(life, 'evil'), '10.99.0.50 claimed');
});

test('an address in a network that the operator allows counts, while that is in force', async (t) => {
  const { life } = await start(t);
  const away = { addresses: ['192.0.2.7'], seen: '10.0.0.9' };
  await life.connect(sidecar('edge', away));
  await life.connect(sidecar('evil', { ...away, hbonePort: 15_009, ports: [81] }));
  const apply = (version: number, document: string): Promise<unknown> =>
    life.store.transact(
      [],
      [
        {
          kind: 'put',
          key: 'mesh/config',
          value: encodeConfig({ ...NO_CONFIG, version, document }),
        },
      ],
    );
  await apply(1, 'addresses: {services: {edge.shop: [192.0.2.0/24]}}');
  t.is(told(life, 'edge'), '192.0.2.7 proven');
  t.is(told(life, 'evil'), '192.0.2.7 claimed');
  await apply(2, '');
  t.is(told(life, 'edge'), '192.0.2.7 claimed');
});

test('an address where a dial finds the identity counts; where it does not, it is tried again and no more', async (t) => {
  const { life, clock } = await start(t);
  const dialled = prove(t, life, clock, ({ address }) => address === '10.1.0.1');
  await life.connect(sidecar('api', { addresses: ['10.0.0.1', '10.1.0.1', '10.2.0.1'] }));
  await becomes(life, 'api', '10.0.0.1 proven, 10.1.0.1 proven, 10.2.0.1 claimed');
  await clock.advance(200_000);
  t.deepEqual(dialled, [
    'api 10.1.0.1:15008',
    ...Array.from({ length: 4 }, () => 'api 10.2.0.1:15008'),
  ]);
});

test('what a dial proved is kept over a reconnect, asked again, and lost when it is not there any more', async (t) => {
  const { life, clock } = await start(t);
  let isThere = true;
  const dialled = prove(t, life, clock, () => isThere);
  const two = sidecar('api', { addresses: ['10.0.0.1', '10.1.0.1'] });
  await life.connect(two);
  await becomes(life, 'api', '10.0.0.1 proven, 10.1.0.1 proven');
  isThere = false;
  await life.connect(two);
  t.is(told(life, 'api'), '10.0.0.1 proven, 10.1.0.1 proven');
  t.is(dialled.length, 2);
  await clock.advance(200_000);
  await becomes(life, 'api', '10.0.0.1 proven, 10.1.0.1 claimed');
});

test('an address that may not be dialled is not', async (t) => {
  const { life, clock } = await start(t);
  const dialled = prove(
    t,
    life,
    clock,
    () => true,
    (address) => address !== '10.1.0.1',
  );
  await life.connect(sidecar('api', { addresses: ['10.1.0.1', '10.2.0.1'] }));
  await becomes(life, 'api', '10.1.0.1 claimed, 10.2.0.1 proven');
  t.deepEqual(dialled, ['api 10.2.0.1:15008']);
});

test('one identity cannot make the control plane dial as often as it likes', async (t) => {
  const { life, clock } = await start(t);
  const dialled = prove(t, life, clock, () => false);
  const many = Array.from({ length: 64 }, (_, at) => `10.3.0.${at + 1}`);
  for (const instanceId of ['a', 'b', 'c'] as const) {
    await life.connect(sidecar('evil', { instanceId, addresses: many, seen: '10.0.0.66' }));
  }
  await clock.advance(0);
  t.is(dialled.length, 64, 'the burst');
  await clock.advance(1_000);
  t.true(dialled.length <= 64 + 10, `${dialled.length} after a second`);
  const before = dialled.length;
  await life.connect(sidecar('api', { addresses: ['10.4.0.1'] }));
  await clock.advance(0);
  t.true(dialled.slice(before).includes('api 10.4.0.1:15008'), 'another identity does not wait');
});

test('two that serve the same port of one address: the first keeps it', async (t) => {
  const { life, log } = await start(t);
  await life.connect(sidecar('api'));
  const evil = await life.connect(sidecar('evil', { hbonePort: 15_009 }));
  t.is(told(life, 'api'), '10.0.0.1 proven');
  t.is(told(life, 'evil'), '10.0.0.1 after api');
  const both = { spiffeId: spiffeId('evil'), holder: spiffeId('api'), address: '10.0.0.1' };
  t.like(log.of('address-conflict')[0], { ...both, ports: [80] });
  await life.connect(sidecar('web', { hbonePort: 15_010, ports: [81] }));
  t.is(told(life, 'web'), '10.0.0.1 proven', 'another port of the same host');
  await life.connect(sidecar('evil', { hbonePort: 15_009, softwareVersion: '2' }));
  t.is(log.of('address-conflict').length, 1, 'said once');
  await evil.goodbye();
  await life.connect(sidecar('evil', { hbonePort: 15_009, ports: [82] }));
  t.like(log.of('address-conflict-ended')[0], both);
});

for (const how of ['drains', 'is killed'] as const) {
  test(`the first keeps its port over a restart in which it ${how}, and for a while after`, async (t) => {
    const { life, clock } = await start(t);
    const first = await life.connect(sidecar('api'));
    await life.connect(sidecar('evil', { hbonePort: 15_009 }));
    if (how === 'drains') await first.goodbye();
    first.lost();
    await eventually('it has gone', async () => {
      if (how === 'is killed') await clock.advance(LOST_TTL_MS / 10);
      return told(life, 'api') === 'nothing' || undefined;
    });
    t.is(told(life, 'evil'), '10.0.0.1 after api');
    await life.connect(sidecar('evil', { hbonePort: 15_009 }));
    t.is(told(life, 'evil'), '10.0.0.1 after api');
    const second = await life.connect(sidecar('api', { instanceId: 'api-1' }));
    t.is(told(life, 'api'), '10.0.0.1 proven');
    t.is(told(life, 'evil'), '10.0.0.1 after api');
    await second.goodbye();
    await clock.advance(RETAINED_TTL_MS);
    await becomes(life, 'evil', '10.0.0.1 proven');
  });
}

test('the first keeps its port while its endpoint is held back because it comes and goes', async (t) => {
  const { life, clock } = await start(t);
  let first = await life.connect(sidecar('api'));
  await life.connect(sidecar('evil', { hbonePort: 15_009 }));
  for (let restarts = 0; restarts < 4; restarts += 1) {
    await first.goodbye();
    first.lost();
    first = await life.connect(sidecar('api'));
  }
  t.is(told(life, 'api'), 'nothing', 'held back');
  t.is(told(life, 'evil'), '10.0.0.1 after api');
  await clock.advance(60_000);
  await becomes(life, 'api', '10.0.0.1 proven');
  t.is(told(life, 'evil'), '10.0.0.1 after api');
});

test('another instance of the identity that left is the first again', async (t) => {
  const { life } = await start(t);
  const first = await life.connect(sidecar('api', { instanceId: 'api-0' }));
  await life.connect(sidecar('evil', { hbonePort: 15_009 }));
  await first.goodbye();
  await life.connect(sidecar('api'));
  t.is(told(life, 'api'), '10.0.0.1 proven');
  t.is(told(life, 'evil'), '10.0.0.1 after api');
});

test('nobody ends what is held for another by taking its instance id', async (t) => {
  const { life } = await start(t);
  const first = await life.connect(sidecar('api'));
  await first.goodbye();
  await life.connect(sidecar('evil', { instanceId: 'api-1', hbonePort: 15_009 }));
  t.is(told(life, 'api'), '10.0.0.1 after api');
});

test('nothing is held for a revoked identity', async (t) => {
  const { life } = await start(t);
  const first = await life.connect(sidecar('evil'));
  await life.connect(sidecar('api', { hbonePort: 15_009 }));
  t.is(told(life, 'api'), '10.0.0.1 after evil');
  await first.goodbye('revoked');
  t.is(told(life, 'api'), '10.0.0.1 proven');
});

test('an address that the network gives to another service is its own as soon as it is found there', async (t) => {
  const { life, clock } = await start(t);
  const dialled = prove(t, life, clock, ({ spiffeId: who }) => who.endsWith('/db'));
  const first = await life.connect(sidecar('api', { anyPort: true }));
  await first.goodbye();
  await life.connect(sidecar('db', { anyPort: true }));
  await becomes(life, 'db', '10.0.0.1 proven');
  t.deepEqual(dialled, ['db 10.0.0.1:15008']);
});

test('who only comes from the same address, behind a NAT, does not get what another holds', async (t) => {
  const { life, clock } = await start(t);
  prove(t, life, clock, ({ spiffeId: who }) => who.endsWith('/api'));
  const first = await life.connect(sidecar('api'));
  await first.goodbye();
  await life.connect(sidecar('evil'));
  await clock.advance(200_000);
  t.is(told(life, 'evil'), '10.0.0.1 after api');
});

test('who is first outlives a restart of the control plane', async (t) => {
  const { start: startLife } = await rig(t);
  const before = await startLife();
  await before.connect(sidecar('zoo'));
  await before.connect(sidecar('api', { hbonePort: 15_009 }));
  await before.end();
  const after = await startLife();
  t.is(told(after, 'zoo'), '10.0.0.1 proven');
  await after.connect(sidecar('api', { hbonePort: 15_009 }));
  t.is(told(after, 'api'), '10.0.0.1 after zoo');
});

test('what an older version wrote is believed, as it was', async (t) => {
  const { life } = await start(t);
  await life.connect(sidecar('api', { seen: undefined, addresses: ['10.0.0.1', '10.1.0.1'] }));
  t.is(told(life, 'api'), '10.0.0.1 proven, 10.1.0.1 proven');
});

test('on loopback, which is never captured, nobody contests', async (t) => {
  const { life } = await start(t);
  const here = { addresses: ['127.0.0.1'], seen: '127.0.0.1' };
  await life.connect(sidecar('api', here));
  await life.connect(sidecar('web', { ...here, hbonePort: 15_009 }));
  t.deepEqual([told(life, 'api'), told(life, 'web')], ['127.0.0.1 proven', '127.0.0.1 proven']);
});
