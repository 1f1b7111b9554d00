/** The section `egress` of mesh.yaml: what it reads, what it refuses and where, and that it travels. */
import test from 'ava';
import { mayLeave, NO_EGRESS } from '../../../common/authorization/egress.ts';
import { MeshConfigError } from '../../../common/mesh-config/mesh-config-error.ts';
import { readMeshConfig } from '../../../common/mesh-config/read-mesh-config.ts';
import { readPolicy, toPolicyMessage } from '../../../common/wire/policy.ts';

const SYSTEM = 'validation: {wellKnownCACertificates: System}';

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

const FULL = `egress:
  namespace: shop
  allow:
    - from: [web, 'job-*.batch']
      to: ['Payments.Example.com:443', '10.0.0.0/8:5432', '[2001:db8::/32]:443', '192.0.2.1:25']
  destinations:
    - host: Payments.Example.com
      port: 443
      validation:
        caCertificateRefs: [/etc/hauberk/payments-ca.pem]
        hostname: api.payments.example
        subjectAltNames:
          - {type: Hostname, hostname: one.example}
          - {type: URI, uri: 'spiffe://partner.example/pay'}
        allowCommonName: true
      clientCertificate: {certificate: /etc/hauberk/client.pem, key: /etc/hauberk/client.key}
      minVersion: '1.3'
      alpn: [h2, http/1.1]
      preserveHost: false
    - {host: 192.0.2.1, port: 993, validation: {wellKnownCACertificates: System}, clientCertificate: mesh}
`;

test('a policy says whom to trust, what to verify and what to show', (t) => {
  const { destinations } = readMeshConfig(FULL, 'mesh.yaml').egress;
  t.deepEqual(destinations, [
    {
      host: 'payments.example.com',
      port: 443,
      hostname: 'api.payments.example',
      anchors: { kind: 'files', paths: ['/etc/hauberk/payments-ca.pem'] },
      subjectAltNames: { hostnames: ['one.example'], uris: ['spiffe://partner.example/pay'] },
      allowCommonName: true,
      clientCertificate: {
        kind: 'files',
        certificate: '/etc/hauberk/client.pem',
        key: '/etc/hauberk/client.key',
      },
      minVersion: '1.3',
      alpn: ['h2', 'http/1.1'],
      preserveHost: false,
    },
    {
      host: '192.0.2.1',
      port: 993,
      hostname: '192.0.2.1',
      anchors: { kind: 'system' },
      subjectAltNames: { hostnames: [], uris: [] },
      allowCommonName: false,
      clientCertificate: { kind: 'mesh' },
      minVersion: '1.2',
      alpn: [],
      preserveHost: true,
    },
  ]);
});

test('without the section there are no policies, and no list', (t) => {
  t.deepEqual(readMeshConfig('', 'mesh.yaml').egress, NO_EGRESS);
});

const LEAVES: readonly [service: string, namespace: string, host: string, port: number, boolean][] =
  [
    ['web', 'shop', 'payments.example.com', 443, true],
    ['web', 'shop', 'payments.example.com', 444, false],
    ['web', 'shop', 'example.com', 443, false],
    ['web', 'shop', 'x.payments.example.com', 443, false],
    ['web', 'shop', '10.255.0.1', 5432, true],
    ['web', 'shop', '10.255.0.1', 5433, false],
    ['web', 'shop', '11.0.0.1', 5432, false],
    ['web', 'shop', '2001:db8::7', 443, true],
    ['web', 'shop', '2001:db9::7', 443, false],
    ['web', 'shop', '192.0.2.1', 25, true],
    ['web', 'shop', '192.0.2.2', 25, false],
    ['web', 'other', 'payments.example.com', 443, false],
    ['job-7', 'batch', 'payments.example.com', 443, true],
    ['api', 'shop', 'payments.example.com', 443, false],
  ];

for (const [service, namespace, host, port, allowed] of LEAVES) {
  test(`${service}.${namespace} ${allowed ? 'may' : 'may not'} call ${host} on ${port}`, (t) => {
    const { egress } = readMeshConfig(FULL, 'mesh.yaml');
    const self = { trustDomain: 'mesh.local', service, namespace };
    t.is(mayLeave(egress, self, { host, port }), allowed);
    t.true(mayLeave(NO_EGRESS, self, { host, port }), 'without a list everybody may');
    t.false(mayLeave({ ...egress, allowances: [] }, self, { host, port }), 'an empty list');
  });
}

test('it travels, and says that older sidecars do not know enough', (t) => {
  const { authorization: policy, egress, routes } = readMeshConfig(FULL, 'mesh.yaml');
  const rest = { configVersion: 3, policy, routes };
  const message = toPolicyMessage({ ...rest, egress });
  t.is(message.level, 3, 'who overlooks that the Host is replaced tells it to servers outside');
  const kept = egress.destinations.map((one) => ({ ...one, preserveHost: true }));
  const keeping = { ...rest, egress: { ...egress, destinations: kept } };
  t.is(toPolicyMessage(keeping).level, 2);
  t.deepEqual(readPolicy(toPolicyMessage(keeping)), keeping);
  t.deepEqual(readPolicy(message), { ...rest, egress });
  t.throws(() => readPolicy({ ...message, egress: undefined }), { message: /level 1/ });
  t.throws(() => readPolicy({ ...message, level: 2 }), { message: /level 3/ });
  const empty = toPolicyMessage({ ...rest, egress: NO_EGRESS });
  t.is(empty.level, 1, 'for whom nothing has changed');
  t.deepEqual(readPolicy(empty).egress, NO_EGRESS);
  const closed = { allowances: [], destinations: [] };
  const refusing = toPolicyMessage({ ...rest, egress: closed });
  t.deepEqual(readPolicy(refusing).egress, closed, 'an empty list is no missing one');
});

const BROKEN: readonly [title: string, destination: string, sentence: RegExp][] = [
  ['no trust store', 'validation: {}', /either caCertificateRefs or wellKnownCACertificates/],
  [
    'two trust stores',
    'validation: {caCertificateRefs: [/a.pem], wellKnownCACertificates: System}',
    /one trust store/,
  ],
  ['no file of authorities', 'validation: {caCertificateRefs: []}', /caCertificateRefs/],
  ['a path that means nothing', 'validation: {caCertificateRefs: [ca.pem]}', /absolute path/],
  ['nothing to verify', '{}', /validation: expected a mapping, got nothing/],
  ['an old TLS', `${SYSTEM}, minVersion: '1.1'`, /expected '1\.2' or '1\.3'/],
  ['a key without a certificate', `${SYSTEM}, clientCertificate: {key: /k}`, /certificate/],
  ['a misspelt key', `${SYSTEM}, minVersio: '1.3'`, /did you mean minVersion/],
  [
    'no alternative names',
    'validation: {wellKnownCACertificates: System, subjectAltNames: []}',
    /subjectAltNames/,
  ],
];

for (const [title, destination, sentence] of BROKEN) {
  test(`a policy with ${title} is refused`, (t) => {
    const rest = destination === '{}' ? '' : `, ${destination}`;
    const found = mistakes(`egress:\n  destinations:\n    - {host: a.example, port: 1${rest}}\n`);
    t.regex(found.join('\n'), sentence);
  });
}

test('policies that contradict each other, and places that are none, are refused where they stand', (t) => {
  t.deepEqual(
    mistakes(`egress:
  allow:
    - from: [web]
      to: ['a.example', '10.0.0.0/33:1', 'a.example:443']
  destinations:
    - {host: a.example, port: 443, ${SYSTEM}}
    - {host: A.example, port: 443, ${SYSTEM}}
`),
    [
      '7:7: egress.destinations[1]: a.example:443 has a policy above, which this one would contradict',
      '3:14: egress.allow[0].from[0]: "web" has no namespace, as in "web.shop"',
      '4:12: egress.allow[0].to[0]: expected HOST:PORT, or ADDRESS[/BITS]:PORT as in 10.0.0.0/8:5432',
      '4:25: egress.allow[0].to[1]: expected HOST:PORT, or ADDRESS[/BITS]:PORT as in 10.0.0.0/8:5432',
    ],
  );
});
