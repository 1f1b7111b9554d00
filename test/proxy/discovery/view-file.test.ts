// The view of the last run is read as strictly as one that comes from the control plane, whichever version
// saved it.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { readMeshConfig } from '../../../common/mesh-config/read-mesh-config.ts';
import { DiscoveryError, loadView, saveView } from '../../../proxy/discovery/view-file.ts';
import { temporaryDirectory } from '../../helpers/machine/temporary-directory.ts';
import { createTestAuthority } from '../../helpers/mesh/test-authority.ts';

const { bundle } = createTestAuthority();
const API = 'spiffe://mesh.local/ns/shop/sa/api';
const rule = {
  name: 'web',
  action: 'deny',
  audit: false,
  to: ['api.shop'],
  ports: [80],
  from: ['*'],
};
const destination = {
  host: 'pay.example',
  port: 443,
  hostname: 'pay.example',
  caFiles: ['/ca.pem'],
  sanHostnames: [],
  sanUris: [],
  allowCommonName: false,
  clientCertificate: 'mesh',
  certificateFile: '',
  keyFile: '',
  minVersion: '1.2',
  alpn: ['h2'],
};
/** Without what was added to the format since. */
const old = {
  format: 2,
  roots: bundle.roots.map(({ fingerprint256 }) => fingerprint256),
  version: 7,
  endpoints: [
    {
      instanceId: 'api-1',
      spiffeId: API,
      addresses: ['10.0.0.7'],
      hbonePort: 15_008,
      ports: [80],
      anyPort: false,
    },
  ],
  policy: {
    level: 2,
    configVersion: 3,
    fallback: 'none',
    rules: [rule],
    egress: { listed: false, allowances: [], destinations: [destination] },
  },
};

test('a view that an older version saved is read, and saved again as it is', async (t) => {
  await using directory = await temporaryDirectory();
  const file = join(directory.path, 'view.json');
  await writeFile(file, JSON.stringify(old));
  const view = await loadView(directory.path, bundle);
  t.is(view?.version, 7);
  t.like(view?.endpoints[0], { addresses: ['10.0.0.7'], proven: ['10.0.0.7'], contests: [] });
  t.like(view?.policy?.policy.rules[0], { name: 'web', action: 'deny', audit: false });
  t.like(view?.policy?.egress.destinations[0], {
    anchors: { kind: 'files', paths: ['/ca.pem'] },
    clientCertificate: { kind: 'mesh' },
    preserveHost: true,
  });
  if (view === undefined) return;
  await saveView(directory.path, view, bundle);
  const saved = JSON.parse(await readFile(file, 'utf8'));
  t.like(saved, { format: 2, version: 7, roots: old.roots });
  t.like(saved.policy, { level: 2, configVersion: 3, fallback: 'none', rules: [rule] });
  t.deepEqual(saved.policy.egress.destinations, [{ ...destination, replaceHost: false }]);
  t.deepEqual(saved.endpoints, [{ ...old.endpoints[0], allAddresses: ['10.0.0.7'], contests: [] }]);
  t.deepEqual(await loadView(directory.path, bundle), view);
});

test('a view with a byte that the disk has changed is not used', async (t) => {
  await using directory = await temporaryDirectory();
  const file = join(directory.path, 'view.json');
  await writeFile(file, JSON.stringify(old));
  const view = await loadView(directory.path, bundle);
  if (view === undefined) return t.fail();
  await saveView(directory.path, view, bundle);
  t.is((await loadView(directory.path, bundle))?.version, 7);
  const saved = await readFile(file, 'utf8');
  // It could be read: another address, and another caller who is denied.
  for (const [is, becomes] of [
    ['10.0.0.7', '10.0.0.6'],
    ['"deny"', '"allow"'],
  ] as const) {
    t.true(saved.includes(is));
    await writeFile(file, saved.replace(is, becomes));
    const { code } = await t.throwsAsync(loadView(directory.path, bundle), {
      instanceOf: DiscoveryError,
    });
    t.is(code, 'view-file');
  }
});

test('routes and rules about requests are saved, and read back as they were', async (t) => {
  await using directory = await temporaryDirectory();
  const file = join(directory.path, 'view.json');
  await writeFile(file, JSON.stringify(old));
  const view = await loadView(directory.path, bundle);
  if (view?.policy === undefined) return t.fail();
  const text = `authorization:
  rules:
    - {name: a, action: deny, from: ['*'], to: [api.shop], methods: [PUT], paths: [{type: Exact, value: /x}]}
routes:
  http:
    - name: api
      parentRefs: [{name: api, namespace: shop, port: 80}]
      rules: [{matches: [{path: {value: /a}}], timeouts: {request: 1s}, retry: {codes: [503]}}]
`;
  const { authorization, routes: told } = readMeshConfig(text, 'mesh.yaml');
  const kept = { ...view, policy: { ...view.policy, policy: authorization, routes: told } };
  await saveView(directory.path, kept, bundle);
  const { policy: read } = (await loadView(directory.path, bundle)) ?? {};
  t.deepEqual(read?.policy, authorization);
  const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));
  t.deepEqual(plain(read?.routes), plain(told));
});

const { policy } = old;
const [endpoint] = old.endpoints;
const routes = { level: 1, routes: [], backends: [] };
const parents = [{ namespace: 'shop', service: 'api', port: 80 }];
const odder = { kind: 'http', name: 'api', parents, rules: [] };
const odd: Record<string, object> = {
  'an endpoint that is nowhere': { endpoints: [{ ...endpoint, addresses: [] }] },
  'an endpoint with a flag that is text': { endpoints: [{ ...endpoint, anyPort: 'false' }] },
  'an endpoint of another trust domain': {
    endpoints: [{ ...endpoint, spiffeId: API.replace('mesh.local', 'other') }],
  },
  'a rule that is an audit by text': { policy: { ...policy, rules: [{ ...rule, audit: 'no' }] } },
  'rules that are none': { policy: { ...policy, rules: 'deny' } },
  'no rules': { policy: { ...policy, rules: undefined } },
  'an unknown default': { policy: { ...policy, fallback: 'anybody' } },
  'a level that does not fit': { policy: { ...policy, level: 1 } },
  'a rule about requests under the level of rules about connections': {
    policy: { ...policy, rules: [{ ...rule, methods: ['GET'] }] },
  },
  'a route without rules': { policy: { ...policy, routes: { ...routes, routes: [odder] } } },
  'routes that it does not know': { policy: { ...policy, routes: { ...routes, level: 2 } } },
  'a destination without a key': {
    policy: {
      ...policy,
      egress: {
        ...policy.egress,
        destinations: [{ ...destination, clientCertificate: 'files', certificateFile: '/c.pem' }],
      },
    },
  },
  'a revocation without an end': { revocations: [{ spiffeId: API }] },
  'a federation without roots': { federated: [['partner.example', '']] },
};

for (const [what, part] of Object.entries(odd)) {
  test(`a view with ${what} is not used`, async (t) => {
    await using directory = await temporaryDirectory();
    await writeFile(join(directory.path, 'view.json'), JSON.stringify({ ...old, ...part }));
    const { code } = await t.throwsAsync(loadView(directory.path, bundle), {
      instanceOf: DiscoveryError,
    });
    t.is(code, 'view-file');
  });
}

test('what a view is all of is saved in a form that older versions do not take for everything', async (t) => {
  await using directory = await temporaryDirectory();
  const file = join(directory.path, 'view.json');
  await writeFile(file, JSON.stringify(old));
  const view = await loadView(directory.path, bundle);
  if (view === undefined) return t.fail();
  t.is(view.complete, undefined);
  const complete = ['service shop/api', 'namespace shop', 'address 10.0.0.9'];
  await saveView(directory.path, { ...view, complete }, bundle);
  const saved = JSON.parse(await readFile(file, 'utf8'));
  t.is(saved.format, 3);
  t.deepEqual((await loadView(directory.path, bundle))?.complete, complete);

  delete saved.complete;
  await writeFile(file, JSON.stringify(saved));
  await t.throwsAsync(loadView(directory.path, bundle), { instanceOf: DiscoveryError });
});
