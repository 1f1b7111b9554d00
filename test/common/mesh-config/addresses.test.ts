/** The section `addresses` of mesh.yaml: what it reads, what it refuses and where. */
import test from 'ava';
import { isAllowedAt } from '../../../common/mesh-config/addresses.ts';
import { MeshConfigError } from '../../../common/mesh-config/mesh-config-error.ts';
import { readMeshConfig } from '../../../common/mesh-config/read-mesh-config.ts';
import { spiffeId } from '../../../common/pki/spiffe-id.ts';

const id = (namespace: string, service: string) =>
  spiffeId({ trustDomain: 'mesh.local', namespace, service });

function mistakes(text: string): string[] {
  const error = readError(text);
  return error.problems.map(({ line, column, sentence }) => `${line}:${column}: ${sentence}`);
}

function readError(text: string): MeshConfigError {
  try {
    readMeshConfig(text, 'mesh.yaml');
  } catch (error) {
    if (error instanceof MeshConfigError) return error;
    throw error;
  }
  throw new Error('it was accepted');
}

test('without the section nothing is allowed, and only own networks are dialled', (t) => {
  const { addresses } = readMeshConfig('', 'mesh.yaml');
  t.deepEqual(addresses, { allowed: [], dialBack: [] });
  t.false(isAllowedAt(addresses, id('shop', 'web'), '10.0.0.1'));
});

test('a service, a namespace or everybody may be in networks', (t) => {
  const { addresses } = readMeshConfig(
    `addresses:
  namespace: shop
  services:
    edge: [192.0.2.0/24, 'fd00:1::/64']
    '*.batch': [10.8.0.7]
    '*': [10.9.0.0/16]
  dialBack: [10.20.0.0/16]
`,
    'mesh.yaml',
  );
  const allows = (namespace: string, service: string, address: string): boolean =>
    isAllowedAt(addresses, id(namespace, service), address);
  t.true(allows('shop', 'edge', '192.0.2.7'));
  t.true(allows('shop', 'edge', 'fd00:1::7'));
  t.true(allows('shop', 'edge', '10.9.1.1'), 'all that fit count');
  t.false(allows('shop', 'web', '192.0.2.7'));
  t.false(allows('other', 'edge', '192.0.2.7'));
  t.true(allows('batch', 'job', '10.8.0.7'));
  t.false(allows('batch', 'job', '10.8.0.8'));
  t.deepEqual(addresses.dialBack, [{ address: '10.20.0.0', prefix: 16 }]);
  t.is(readMeshConfig('addresses: {dialBack: off}', 'mesh.yaml').addresses.dialBack, 'off');
});

for (const [what, text, expected] of [
  ['half a network', 'services: {a.b: [10.0.0.0/40]}', /^1:\d+: .*a network as in 10\.0\.0\.0\/8/],
  ['a host name', 'services: {a.b: [api]}', /a network as in/],
  ['loopback', 'services: {a.b: [127.0.0.0/8]}', /same host everywhere/],
  ['link-local addresses', "services: {a.b: ['fe80::/64']}", /same host everywhere/],
  ['a text for a list', 'services: {a.b: 10.0.0.0/8}', /expected a list of networks/],
  ['a name without a namespace', 'services: {a: [10.0.0.0/8]}', /"a" has no namespace/],
  [
    'a workload of another mesh',
    "services: {'spiffe://b.example/ns/shop/sa/a': [10.0.0.0/8]}",
    /only workloads of this mesh/,
  ],
  ['dialling in words', 'dialBack: never', /expected off, or a list of networks/],
  ['an unknown key', 'service: {}', /unknown.*services/],
] as const) {
  test(`the section is refused for ${what}`, (t) => {
    const [first = 'it was taken'] = mistakes(`addresses: {${text}}`);
    t.regex(first, expected);
    t.regex(first, /^1:\d+: /);
  });
}
