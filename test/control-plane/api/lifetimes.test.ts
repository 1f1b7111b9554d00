/** How long certificates live is in the configuration of the mesh, and counts from the next renewal on. */
import { X509Certificate } from 'node:crypto';
import test from 'ava';
import { lifetimeOf } from '../../../common/mesh-config/lifetimes.ts';
import { MeshConfigError } from '../../../common/mesh-config/mesh-config-error.ts';
import { readMeshConfig } from '../../../common/mesh-config/read-mesh-config.ts';
import { parseSpiffeId, type SpiffeId } from '../../../common/pki/spiffe-id.ts';
import { startControlPlaneUnderTest, webId } from '../control-plane-under-test.ts';

const web = parseSpiffeId(webId);
const api = parseSpiffeId(webId.replace('web', 'api'));

function lifetimes(text: string) {
  return readMeshConfig(text, 'mesh.yaml').lifetimes;
}

test('the first name that fits counts, then the default, then nothing', (t) => {
  const some = lifetimes(`lifetimes:
  default: 2h
  longest: 1d
  namespace: shop
  services: { web: 10s, '*.shop': 7d, other.dev: 1h }
`);
  const of = (where: ReturnType<typeof lifetimes>, id: SpiffeId): number[] => {
    const { usualMs, longestMs } = lifetimeOf(where, id, 3_600_000);
    return [usualMs, longestMs];
  };
  t.deepEqual(of(some, web), [10_000, 10_000], 'a name is both');
  t.deepEqual(of(some, api), [7 * 86_400_000, 7 * 86_400_000]);
  const other = parseSpiffeId('spiffe://mesh.local/ns/dev/sa/x');
  t.deepEqual(of(some, other), [7_200_000, 86_400_000]);
  t.deepEqual(of(lifetimes(''), web), [3_600_000, 3_600_000]);
  t.deepEqual(of(lifetimes('lifetimes: { longest: 60s }'), web), [3_600_000, 3_600_000]);
});

test('lifetimes outside of 10 s to 7 d, and names that are none, are refused with their place', (t) => {
  for (const [text, at] of [
    ['lifetimes: { default: 9s }', '1:14'],
    ['lifetimes: { default: 8d }', '1:14'],
    ['lifetimes:\n  services:\n    web.shop: soon', '3:5'],
    ['lifetimes:\n  services:\n    web: 1h', '3:'],
    ['lifetimes: { defalt: 1h }', '1:14'],
  ] as const) {
    const error = t.throws(() => lifetimes(text), { instanceOf: MeshConfigError }, text);
    t.true(error?.message.startsWith(`mesh.yaml:${at}`), `${text}: ${error?.message}`);
  }
});

test('a change counts from the next renewal of each', async (t) => {
  const cp = await startControlPlaneUnderTest(t);
  const lifeOf = async (request: object, identity?: Parameters<typeof cp.issue>[1]) => {
    const { chain, serverTimeMs } = await cp.issue(request, identity);
    const [leaf] = chain;
    if (leaf === undefined) throw new Error('expected a certificate');
    const endMs = new X509Certificate(leaf).validToDate.getTime();
    return Math.round((endMs - serverTimeMs) / 1000);
  };
  const near = (seconds: number, expected: number): boolean => Math.abs(seconds - expected) <= 1;
  const [first, other] = [await cp.enrol('shop', 'web'), await cp.enrol('shop', 'api')];
  t.true(near(await lifeOf({}, first), 3600));
  const options = { baseVersion: 0, dryRun: false };
  await cp.admin.applyMeshConfig('lifetimes: { services: { web.shop: 60s } }', options);
  t.true(near(await lifeOf({}, first), 60));
  t.true(near(await lifeOf({ spiffeId: api.uri }, other), 3600));
  t.true(near(await lifeOf({ lifetimeSeconds: 20 }, first), 20), 'less may be asked for');
  t.true(near(await lifeOf({ lifetimeSeconds: 7200 }, first), 60), 'and more is not given');
  t.true(near(await lifeOf({ spiffeId: api.uri, lifetimeSeconds: 604_800 }, other), 3600));
  const allowed = { baseVersion: 1, dryRun: false };
  await cp.admin.applyMeshConfig('lifetimes: { longest: 2h }', allowed);
  t.true(near(await lifeOf({ spiffeId: api.uri, lifetimeSeconds: 604_800 }, other), 7200));
  t.true(near(await lifeOf({ spiffeId: api.uri }, other), 3600), 'unasked it stays what it was');
  await cp.admin.rollbackMeshConfig(undefined);
  t.true(near(await lifeOf({}, first), 60), 'back again');
});
