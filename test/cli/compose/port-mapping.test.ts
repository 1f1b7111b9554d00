import test from 'ava';
import { injectText } from './compose-projects.ts';
import { clash, parsePortMapping, parsePorts } from '../../../cli/compose/read/port-mapping.ts';

const tcp = { protocol: 'tcp', hostAddress: undefined, published: undefined };
const one = (port: number) => ({ first: port, last: port });

const READ = [
  ['3000', { ...tcp, target: one(3000) }],
  ['3000-3005', { ...tcp, target: { first: 3000, last: 3005 } }],
  ['8000:80', { ...tcp, target: one(80), published: one(8000) }],
  [
    '9090-9091:8080-8081',
    { ...tcp, target: { first: 8080, last: 8081 }, published: { first: 9090, last: 9091 } },
  ],
  [
    '127.0.0.1:8001:81',
    { ...tcp, target: one(81), published: one(8001), hostAddress: '127.0.0.1' },
  ],
  ['127.0.0.1::81', { ...tcp, target: one(81), hostAddress: '127.0.0.1' }],
  ['0.0.0.0:8001:81', { ...tcp, target: one(81), published: one(8001) }],
  ['[::1]:8001:81', { ...tcp, target: one(81), published: one(8001), hostAddress: '::1' }],
  ['6060:60/udp', { ...tcp, protocol: 'udp', target: one(60), published: one(6060) }],
  ['${PORT:-8080}:80', { ...tcp, target: one(80), published: 'variable' }],
  ['$PORT:80', { ...tcp, target: one(80), published: 'variable' }],
  ['80:${A:-${B:-1:2}}', { ...tcp, target: 'variable', published: one(80) }],
] as const;

for (const [text, expected] of READ) {
  test(`a port mapping is read: ${text}`, (t) => t.deepEqual(parsePortMapping(text), expected));
}

for (const text of ['', 'http', '0', '65536', '80:', '90-80', 'a:80', '80:80/', '80/tcp/udp']) {
  test(`what is no port mapping is refused: ${JSON.stringify(text)}`, (t) => {
    t.is(parsePortMapping(text), undefined);
  });
}

test('services for one port of the host are injected, as there may be more than run, and that is noted', (t) => {
  const { services, output } = injectText(`services:
    web: { image: web, ports: ["127.0.0.1:80:80"] }
    other: { image: other, ports: ["80:8080"] }
    third: { image: third, ports: ["127.0.0.2:81:80", "80:80/udp"] }
    never: { image: never, ports: ["80:80"], profiles: [never] }`);
  t.truthy(output);
  const notes = services.map((service) =>
    service.notes.filter((note) => note.includes('of the host')),
  );
  t.deepEqual(notes, [
    ['publishes a port of the host as other does: not both can run'],
    ['publishes a port of the host as web does: not both can run'],
    [],
    [],
  ]);
});

test('ports of the host clash when one address can have both', (t) => {
  const clashes = (left: string, right: string): boolean => {
    const [first, second] = [parsePortMapping(left), parsePortMapping(right)];
    if (first === undefined || second === undefined) throw new Error(`${left} and ${right}`);
    return clash(first, second);
  };
  t.true(clashes('80:1', '80:2'));
  t.true(clashes('127.0.0.1:80:1', '80:2'));
  t.true(clashes('70-90:70-90', '80:2'));
  t.false(clashes('127.0.0.1:80:1', '127.0.0.2:80:2'));
  t.false(clashes('80:1', '80:1/udp'));
  t.false(clashes('80', '80'));
  t.false(clashes('${A}:80', '${A}:80'));
});

test('a range of ports has an end after its start', (t) => {
  t.deepEqual(parsePorts('1-2'), { first: 1, last: 2 });
  t.is(parsePorts('2-1'), undefined);
});
