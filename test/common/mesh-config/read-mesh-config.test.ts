import test from 'ava';
import { MeshConfigError } from '../../../common/mesh-config/mesh-config-error.ts';
import {
  MAX_DOCUMENT_BYTES,
  readMeshConfig,
} from '../../../common/mesh-config/read-mesh-config.ts';

/** The mistakes of a document, each as `line:column: sentence`. */
function mistakes(text: string): string[] {
  try {
    readMeshConfig(text, 'mesh.yaml');
    return [];
  } catch (error) {
    if (!(error instanceof MeshConfigError)) throw error;
    return error.problems.map(({ line, column, sentence }) => `${line}:${column}: ${sentence}`);
  }
}

test('an empty document is a mesh that is open to its members', (t) => {
  for (const text of ['', '# nothing yet\n', 'authorization: {}\n', '{}']) {
    t.deepEqual(readMeshConfig(text, 'mesh.yaml').authorization, { fallback: 'mesh', rules: [] });
  }
});

test('a rule says who, whom and where', (t) => {
  const { authorization } = readMeshConfig(
    `authorization:
  allow: none
  namespace: shop
  rules:
    - name: front
      action: allow
      from: [web, 'job-*.batch', spiffe://partner.example/ns/shop/sa/*]
      to: [api]
      ports: [8080, 8443]
      audit: true
`,
    'mesh.yaml',
  );
  const named = (service: string, namespace: string, trustDomain?: string, open = false) => ({
    kind: 'named' as const,
    trustDomain,
    namespace: { text: namespace, open: false },
    service: { text: service, open },
  });
  t.deepEqual(authorization, {
    fallback: 'none',
    rules: [
      {
        name: 'front',
        action: 'allow',
        audit: true,
        from: [
          named('web', 'shop'),
          named('job-', 'batch', undefined, true),
          named('', 'shop', 'partner.example', true),
        ],
        to: [named('api', 'shop')],
        ports: [8080, 8443],
      },
    ],
  });
});

test('all mistakes are told at once, each with its place', (t) => {
  t.deepEqual(
    mistakes(`authorization:
  allow: mesj
  rules:
    - name: a
      action: allow
      from: [web]
      to: [api.shop]
      port: [1]
    - name: b
      action: deny
      from: [web.shop]
      to: [api.shop]
      ports: [0, "x", 8080]
    - action: deny
egres: {}
`),
    [
      '2:3: authorization.allow: expected mesh or none',
      '8:7: authorization.rules[0]: the key "port" is unknown; did you mean ports?',
      '13:15: authorization.rules[1].ports[0]: expected a port from 1 to 65535',
      '13:18: authorization.rules[1].ports[1]: expected a port from 1 to 65535',
      '14:7: authorization.rules[2].name: expected text, got nothing',
      '14:7: authorization.rules[2].from: expected a list, got nothing',
      '14:7: authorization.rules[2].to: expected a list, got nothing',
      '15:1: the key "egres" is unknown; did you mean egress?',
    ],
  );
});

const rule = (fields: string): string =>
  `authorization:\n  rules:\n    - {name: a, action: allow, ${fields}}\n`;

for (const [what, text, expected] of [
  ['no YAML', 'authorization: [', /^1:\d+: this is not valid YAML: /],
  ['a key that stands twice', 'authorization: {}\nauthorization: {}', /^2:1: .*unique/],
  ['a list', '- authorization', /^1:1: expected a mapping, got a list$/],
  [
    'a section without contents',
    'authorization:\n',
    /^1:1: authorization: expected a mapping, got nothing$/,
  ],
  [
    'rules without contents',
    'authorization:\n  rules:\n',
    /^2:3: authorization\.rules: expected a list, got nothing$/,
  ],
  ['an unknown tag', 'authorization: !!js/function "x"', /^1:16: this is not valid YAML/],
  [
    'a name without a namespace',
    rule('from: [web], to: [api.shop]'),
    /^3:39: .*"web" has no names/,
  ],
  ['a name with three parts', rule('from: [a.b.c], to: [api.shop]'), /^3:39: .*expected SERVICE/],
  ['a wildcard in front', rule("from: ['*b.shop'], to: [api.shop]"), /^3:39: .*expected SERVICE/],
  ['capitals', rule('from: [Web.shop], to: [api.shop]'), /expected SERVICE/],
  [
    'a trust domain that is not named in full',
    rule("from: ['spiffe://*/ns/shop/sa/web'], to: [api.shop]"),
    /with the domain in full/,
  ],
  [
    'a door of another trust domain',
    rule('from: [web.shop], to: [spiffe://b.example/ns/shop/sa/api]'),
    /write api\.shop/,
  ],
  ['the namespace of the mesh', rule("from: ['*.hauberk'], to: [api.shop]"), /has no workloads/],
  ['nobody', rule('from: [], to: [api.shop]'), /expected at least one name/],
  ['no ports', rule('from: [web.shop], to: [api.shop], ports: []'), /at least one port/],
  ['half a port', rule('from: [web.shop], to: [api.shop], ports: [80.5]'), /expected a port/],
  [
    'audit in words',
    rule('from: [web.shop], to: [api.shop], audit: yes'),
    /expected true or false/,
  ],
] as const) {
  test(`a document is refused for ${what}`, (t) => {
    const [first = 'it was taken'] = mistakes(text);
    t.regex(first, expected);
  });
}

test('two rules of one name are refused, because logs could not tell them apart', (t) => {
  const text = `authorization:
  rules:
    - {name: a, action: allow, from: [web.shop], to: [api.shop]}
    - {name: a, action: deny, from: [web.shop], to: [api.shop]}
`;
  t.deepEqual(mistakes(text), [
    '4:8: authorization.rules[1].name: the name a is taken by a rule above',
  ]);
});

test('several keys that one mapping does not know are told one by one', (t) => {
  const odd = JSON.stringify('a\nb');
  t.deepEqual(mistakes(`authorization: {alow: mesh, ${odd}: 1}\n`), [
    '1:17: authorization: the key "alow" is unknown; did you mean allow?',
    '1:29: authorization: the key "a\\nb" is unknown; expected one of allow, namespace, rules',
  ]);
});

test('more mistakes than anybody reads are cut off', (t) => {
  const ports = Array(50).fill('0').join(', ');
  t.is(mistakes(rule(`from: [web.shop], to: [api.shop], ports: [${ports}]`)).length, 20);
  const many = Array(501).fill('{name: a}').join(', ');
  t.regex(mistakes(`authorization: {rules: [${many}]}`).join('\n'), /rules: expected at most 500/);
});

test('a document that is made to be large is refused before it is read', (t) => {
  t.regex(mistakes(' '.repeat(MAX_DOCUMENT_BYTES + 1))[0] ?? '', /expected at most 256 KiB/);
  const nested = ['a: &a0 [x, x, x, x, x, x, x, x, x]'];
  for (let level = 1; level < 9; level += 1) {
    nested.push(
      `b${level}: &a${level} [${Array(9)
        .fill(`*a${level - 1}`)
        .join(', ')}]`,
    );
  }
  t.regex(mistakes(nested.join('\n'))[0] ?? '', /^1:1: this is not valid YAML: .*alias/);
});

test('a few lines that say the same list over and over are refused, as every sidecar would be sent it', (t) => {
  const named = (count: number): string => {
    const matches = Array.from(
      { length: 60 },
      (_, at) => `{path: {value: /${'x'.repeat(400)}${at}}}`,
    );
    const route = (at: number, rules: string): string =>
      `    - {name: r${at}, parentRefs: [{name: a${at}, port: 80}], rules: ${rules}}\n`;
    const others = Array.from({ length: count }, (_, at) => route(at + 1, '*rules')).join('');
    const first = route(0, `&rules [{matches: [${matches.join(', ')}]}]`);
    return `routes:\n  namespace: shop\n  http:\n${first}${others}`;
  };
  t.deepEqual(mistakes(named(20)), []);
  t.regex(
    mistakes(named(95))[0] ?? '',
    /^1:1: expected at most 2048 KiB with aliases and defaults written out, got \d+ KiB$/,
  );
});

test('the message names the file, the place, and how many more there are', (t) => {
  t.throws(() => readMeshConfig('a: 1\nb: 2\n', '/etc/mesh.yaml'), {
    instanceOf: MeshConfigError,
    message:
      '/etc/mesh.yaml:1:1: the key "a" is unknown; expected one of addresses, authorization, egress, lifetimes, routes (and 1 more)',
  });
});

test('a rule about requests: mistakes are told with their place', (t) => {
  const about = (more: string): string =>
    `authorization:\n  rules:\n    - {name: a, action: allow, from: ['*'], to: ['*'], ${more}}\n`;
  const read = (more: string) =>
    readMeshConfig(about(more), 'mesh.yaml').authorization.rules[0]?.requests;
  t.deepEqual(read('methods: [GET], paths: [{type: Exact, value: /caf\u00e9/%7Ea}]'), {
    methods: ['GET'],
    paths: [{ type: 'Exact', value: '/caf%C3%A9/~a' }],
    grpcServices: [],
  });
  t.is(read('ports: [80]'), undefined);
  const found = [
    ['methods: [get]', 'expected a method as in GET'],
    ['methods: []', 'expected at least one method; leave the key out for every request'],
    ['paths: [/x]', 'expected a mapping, got "/x"'],
    ['paths: [{value: /x}]', 'expected Exact or PathPrefix'],
    ['paths: [{type: Prefix, value: /x}]', 'expected Exact or PathPrefix'],
    ['paths: [{type: Exact, value: x}]', 'expected a path as in /api/v1'],
    ['paths: [{type: Exact, value: /a/../b}]', 'expected a path as in /api/v1'],
    ['paths: [{type: Exact, value: //a}]', 'expected a path as in /api/v1'],
    ['paths: [{type: PathPrefix, value: /admin/*}]', 'expected a path without *'],
    ['paths: [{type: Exact, value: "/a?b"}]', 'expected a path as in /api/v1'],
    ['grpcServices: [/shop.Orders]', 'expected a gRPC service with its package as in shop.Orders'],
    ['grpcServices: [a.B], paths: [{type: Exact, value: /x}]', 'expected paths or grpcServices'],
  ] as const;
  for (const [more, sentence] of found) {
    const told = mistakes(about(more));
    t.is(told.length, 1, more);
    t.regex(told[0] ?? '', /^3:\d+: authorization\.rules\[0\]/);
    t.true(told[0]?.includes(sentence), `${more}: ${told[0]}`);
  }
});
