// What `hauberk status` shows of sidecars: which, in what order, in which columns, and how it goes on.
import test from 'ava';
import { detailTables } from '../../../cli/status/detail-tables.ts';
import { selectSidecars, SIDECAR_ORDERS } from '../../../cli/status/select-sidecars.ts';
import { sidecarDocument } from '../../../cli/status/sidecar-document.ts';
import { sidecarTable } from '../../../cli/status/sidecar-table.ts';
import { watch } from '../../../cli/status/watch.ts';
import type { WorkloadInfo } from '../../../cli/admin/client.ts';
import { NO_REPORT } from '../../../common/wire/report.ts';

const NOW_MS = Date.UTC(2026, 0, 1, 12);
const HOUR_MS = 3_600_000;

const web: WorkloadInfo = {
  ...NO_REPORT,
  namespace: 'shop',
  service: 'web',
  instanceId: 'w1',
  spiffeId: 'spiffe://mesh.local/ns/shop/sa/web',
  addresses: ['10.0.0.1', 'fd00::1'],
  provenAddresses: ['10.0.0.1'],
  contests: [],
  hbonePort: 15_008,
  ports: [8080, 9090],
  anyPort: false,
  connected: true,
  connectedSinceMs: NOW_MS - HOUR_MS,
  expected: true,
  certificateSerial: '0123456789abcdef',
  certificateNotAfterMs: NOW_MS + HOUR_MS,
  acknowledgedVersion: 7,
  bundleVersion: 3,
  softwareVersion: '0.10.0',
  localAllow: undefined,
  missingUpstreams: [],
  viewBehind: false,
};
const away: WorkloadInfo = {
  ...web,
  service: 'api',
  instanceId: 'a1',
  connected: false,
  connectedSinceMs: undefined,
  certificateNotAfterMs: NOW_MS - 1,
  acknowledgedVersion: 0,
  bundleVersion: 0,
  softwareVersion: '0.9.0',
};
const busy: WorkloadInfo = {
  ...web,
  namespace: 'blog',
  instanceId: 'b1',
  connectedSinceMs: NOW_MS - 1_000,
  certificateNotAfterMs: NOW_MS + 2 * HOUR_MS,
  openConnections: 9,
  plaintext: { connections: 4, flows: 1, mostUsed: [] },
};
const ALL = [busy, web, away];
const EVERYTHING = { services: [], namespace: undefined, sort: 'service' } as const;

const names = (sidecars: readonly WorkloadInfo[]): string =>
  sidecars.map(({ instanceId }) => instanceId).join(' ');

for (const [sort, order] of [
  ['service', 'a1 b1 w1'],
  ['namespace', 'b1 a1 w1'],
  ['connected', 'a1 b1 w1'],
  ['certificate', 'a1 w1 b1'],
  ['connections', 'b1 a1 w1'],
  ['plaintext', 'b1 a1 w1'],
  ['version', 'a1 b1 w1'],
] as const) {
  test(`sorted by ${sort}`, (t) => {
    t.true(SIDECAR_ORDERS.includes(sort));
    t.is(names(selectSidecars(ALL, { ...EVERYTHING, sort })), order);
    t.is(names(selectSidecars(ALL.toReversed(), { ...EVERYTHING, sort })), order);
  });
}

test('those of a service, of a namespace, or of both alone', (t) => {
  const select = (services: readonly string[], namespace?: string): string => {
    const named = services.map((one) => {
      const [service = '', inNamespace] = one.split('.');
      return { service, namespace: inNamespace };
    });
    return names(selectSidecars(ALL, { ...EVERYTHING, services: named, namespace }));
  };
  t.is(select(['web']), 'b1 w1');
  t.is(select(['web.shop']), 'w1');
  t.is(select(['web.shop', 'api']), 'a1 w1');
  t.is(select(['web'], 'blog'), 'b1');
  t.is(select(['web.shop'], 'blog'), '');
  t.is(select([], 'shop'), 'a1 w1');
});

test('a row has ports and versions, and leaves out what matters least where the terminal is narrow', (t) => {
  const whole = sidecarTable([away, web], NOW_MS, undefined).split('\n');
  t.regex(whole[0] ?? '', /ADDRESS +PORTS +CONNECTED .* PLAINTEXT +VIEW +BUNDLE +VERSION$/);
  t.regex(whole[1] ?? '', /^api +shop +a1 .* 8080,9090 +no .* expired .* - +- +0\.9\.0$/);
  t.regex(
    whole[2] ?? '',
    /^web +shop +w1 +10\.0\.0\.1:15008 \+1 +8080,9090 +1h +0123456789ab +1h +0 +0 +0 +7 +3 +0\.10\.0$/,
  );
  const [narrow = ''] = sidecarTable([web], NOW_MS, 100).split('\n');
  t.regex(narrow, /^SERVICE +NAMESPACE +ADDRESS +PORTS +CONNECTED +TIME LEFT +PLAINTEXT +VERSION$/);
  const [least = ''] = sidecarTable([web], NOW_MS, 40).split('\n');
  t.regex(least, /^SERVICE +NAMESPACE +ADDRESS +CONNECTED +TIME LEFT$/);
});

test('many ports are counted, and any port is said', (t) => {
  const ports = Array.from({ length: 11 }, (_, at) => 8_000 + at);
  t.regex(sidecarTable([{ ...web, ports }], NOW_MS, undefined), / 8000,[\d,]+,8007,\+3 /);
  t.regex(sidecarTable([{ ...web, ports, anyPort: true }], NOW_MS, undefined), / any /);
});

test('what is out of the ordinary has a table of its own', (t) => {
  t.is(detailTables(ALL), '');
  const told = detailTables([{ ...web, missingUpstreams: ['db.shop:5432'] }]);
  t.regex(told, /^\nSERVICE +NAMESPACE +UPSTREAM .*\nweb +shop +db\.shop:5432 +no sidecar/);
});

test('JSON has versions, and null for what a sidecar has not told', (t) => {
  t.like(sidecarDocument(web, NOW_MS), { viewVersion: 7, bundleVersion: 3, controlPlane: null });
  const untold = { viewVersion: null, bundleVersion: null, version: '0.9.0' };
  t.like(sidecarDocument({ ...away, controlPlane: 'c1' }, NOW_MS), {
    ...untold,
    controlPlane: 'c1',
  });
});

test('a watch keeps the last answer while there is none, and ends by its count', async (t) => {
  const answers = [1, undefined, 2];
  const shown: unknown[] = [];
  const look = async (): Promise<number> => {
    const answer = answers.shift();
    if (answer === undefined) throw new Error('it is away');
    return answer;
  };
  const { signal } = new AbortController();
  await watch(look, (...one) => shown.push(one), { intervalMs: 1, count: 2, signal });
  t.deepEqual(shown, [
    [1, undefined],
    [1, 'it is away'],
    [2, undefined],
  ]);
});

test('a watch without a first answer fails, and an interrupt ends one', async (t) => {
  const { signal } = new AbortController();
  const options = { intervalMs: 1, count: 2, signal };
  const fails = async (): Promise<never> => {
    throw new Error('it is away');
  };
  await t.throwsAsync(
    watch(fails, () => t.fail(), options),
    { message: 'it is away' },
  );
  const asked = new AbortController();
  const show = (): void => asked.abort();
  await watch(async () => 1, show, { intervalMs: 600_000, count: 2, signal: asked.signal });
  t.pass();
});
