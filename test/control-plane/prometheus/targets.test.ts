/** Where Prometheus is sent: never to where a sidecar only says that it is, nor to a loopback that is not its own. */
import test from 'ava';
import type { EpochMs } from '../../../common/clock.ts';
import { NO_REPORT } from '../../../common/wire/report.ts';
import { findTargets, type TargetsQuestion } from '../../../control-plane/prometheus/targets.ts';
import type { KnownSidecar } from '../../../control-plane/registry/known-sidecars.ts';
import type { SidecarRecord } from '../../../control-plane/registry/sidecar-record.ts';

const METRICS = { address: '', port: 15_020 };

function sidecar(record: Partial<SidecarRecord>, known: Partial<KnownSidecar> = {}): KnownSidecar {
  return {
    record: {
      instanceId: 'i1',
      spiffeId: 'spiffe://mesh.local/ns/shop/sa/api',
      addresses: ['10.0.0.7'],
      seen: '10.0.0.7',
      hbonePort: 15_008,
      ports: [8080],
      anyPort: false,
      softwareVersion: '1.0.0',
      metrics: METRICS,
      role: 'sidecar',
      ...record,
    },
    connected: true,
    expected: true,
    controlPlane: 'cp1',
    connectedSinceMs: 0 as EpochMs,
    lastSeenMs: 0 as EpochMs,
    report: NO_REPORT,
    acknowledgedVersion: 0,
    bundleVersion: 0,
    provenSerial: '',
    left: false,
    ...known,
  };
}

function ask(sidecars: readonly KnownSidecar[], given: Partial<TargetsQuestion> = {}) {
  return findTargets({
    trustDomain: 'mesh.local',
    id: 'cp1',
    controlPlanes: [],
    sidecars,
    proven: () => [],
    isOwn: (address) => address === '10.0.0.1',
    isLocal: false,
    ...given,
  });
}

const targets = (...parameters: Parameters<typeof ask>): string[] =>
  ask(...parameters).map(({ targets: [target] }) => target);

test('a sidecar has its identity for labels, and an instance that tells whose it is', (t) => {
  const gateway = sidecar({ instanceId: 'g', role: 'gateway', seen: '10.0.0.8' });
  t.deepEqual(ask([sidecar({}), gateway]), [
    {
      targets: ['10.0.0.8:15020'],
      labels: { role: 'gateway', namespace: 'shop', service: 'api', instance: 'api.shop/g' },
    },
    {
      targets: ['10.0.0.7:15020'],
      labels: { role: 'sidecar', namespace: 'shop', service: 'api', instance: 'api.shop/i1' },
    },
  ]);
});

test('an address is offered when it is proven or seen, and not because it is named', (t) => {
  const elsewhere = { addresses: ['10.9.9.9', '10.0.0.7'] };
  t.deepEqual(targets([sidecar(elsewhere)]), ['10.0.0.7:15020'], 'where its stream comes from');
  t.deepEqual(targets([sidecar({ ...elsewhere, seen: undefined })]), []);
  const proven = () => ['10.9.9.9'];
  t.deepEqual(targets([sidecar(elsewhere)], { proven }), ['10.9.9.9:15020']);
  const listener = { metrics: { address: '10.9.9.9', port: 9_000 } };
  t.deepEqual(targets([sidecar(listener)]), []);
  t.deepEqual(targets([sidecar(listener)], { proven }), ['10.9.9.9:9000']);
  t.deepEqual(targets([sidecar({ seen: 'fd00::7', addresses: ['fd00::7'] })]), ['[fd00::7]:15020']);
  t.deepEqual(targets([sidecar({ ...elsewhere, seen: '' })], { isLocal: true }), [], 'link-local');
  t.deepEqual(targets([sidecar({ metrics: undefined })]), [], 'an older sidecar does not tell');
});

test('a listener on loopback is offered on its own host alone', (t) => {
  const metrics = { address: '127.0.0.1', port: 15_020 };
  const local = [sidecar({ metrics, seen: '127.0.0.1', addresses: ['127.0.0.1'] })];
  t.deepEqual(targets(local), [], 'who asks is elsewhere');
  t.deepEqual(targets(local, { isLocal: true }), ['127.0.0.1:15020']);
  const other = [sidecar({ metrics })];
  t.deepEqual(targets(other, { isLocal: true }), [], 'it is on another host');
  const own = [sidecar({ metrics, seen: '10.0.0.1' })];
  t.deepEqual(targets(own, { isLocal: true }), ['127.0.0.1:15020'], 'an address of this host');
  const elsewhere = [sidecar({ metrics, seen: '127.0.0.1' }, { controlPlane: 'cp2' })];
  t.deepEqual(targets(elsewhere, { isLocal: true }), [], 'loopback of another control plane');
});

test('one that is lost is missed, one that has left is not', (t) => {
  const lost = { connected: false, expected: false, controlPlane: undefined };
  t.deepEqual(targets([sidecar({}, lost)]), ['10.0.0.7:15020']);
  t.deepEqual(targets([sidecar({}, { ...lost, left: true })]), []);
});

test('every control plane is offered, on loopback only itself and on its host', (t) => {
  const controlPlanes = [
    { id: 'cp1', metrics: '127.0.0.1:15014' },
    { id: 'cp2', metrics: 'cp2.example:15014' },
    { id: 'cp3', metrics: '[::1]:15014' },
    { id: 'older' },
  ];
  t.deepEqual(targets([], { controlPlanes }), ['cp2.example:15014']);
  t.deepEqual(targets([], { controlPlanes, isLocal: true }), [
    '127.0.0.1:15014',
    'cp2.example:15014',
  ]);
  t.deepEqual(ask([], { controlPlanes })[0]?.labels, {
    role: 'control-plane',
    namespace: 'hauberk',
    service: 'control-plane',
  });
});

test('an address and port is told once: of the one that is there, and was first', (t) => {
  const at = (instanceId: string, known: Partial<KnownSidecar>, spiffeId?: string) =>
    sidecar({ instanceId, ...(spiffeId !== undefined && { spiffeId }) }, known);
  const instances = (...sidecars: readonly KnownSidecar[]) =>
    ask(sidecars).map(({ labels }) => labels['instance']);
  const gone = { connected: false, lastSeenMs: 9 as EpochMs };
  const first = at('first', { connectedSinceMs: 1 as EpochMs });
  const second = at(
    'second',
    { connectedSinceMs: 2 as EpochMs },
    'spiffe://mesh.local/ns/x/sa/evil',
  );
  t.deepEqual(instances(at('former', gone), first), ['api.shop/first'], 'it took its address over');
  t.deepEqual(instances(second, first), ['api.shop/first']);
  const before = { connected: false, lastSeenMs: 1 as EpochMs };
  t.deepEqual(instances(at('older', before), at('former', gone)), ['api.shop/former']);
  const other = sidecar({ instanceId: 'other', metrics: { address: '', port: 15_021 } });
  t.is(instances(first, other).length, 2, 'another port is another program');
});

test('a sidecar on the host of a control plane cannot name the metrics of that', (t) => {
  const controlPlanes = [{ id: 'cp1', metrics: '10.0.0.7:15014' }];
  const metrics = { address: '', port: 15_014 };
  const found = ask([sidecar({ metrics })], { controlPlanes });
  t.deepEqual(
    found.map(({ labels }) => labels['role']),
    ['control-plane'],
  );
});

test('one identity adds a bounded number of targets, and takes no room of others', (t) => {
  const evil = 'spiffe://mesh.local/ns/shop/sa/evil';
  const made = Array.from({ length: 3_000 }, (_, at) =>
    sidecar({ instanceId: `e${at}`, spiffeId: evil, metrics: { address: '', port: at + 1 } }),
  );
  const api = sidecar({ metrics: { address: '', port: 20_000 } });
  t.is(targets([...made, api]).length, 64 + 1, 'of one host');
  const hosts = made.map(({ record }, at) =>
    sidecar({ ...record, seen: `10.1.${at >> 8}.${at & 255}` }),
  );
  t.is(targets([...hosts, api]).length, 1_000 + 1);
  const network = made.map(({ record }, at) =>
    sidecar({ ...record, seen: `2001:db8::${(at + 1).toString(16)}` }),
  );
  t.is(targets([...network, api]).length, 64 + 1, 'a host has a whole /64');
});
