// The direction of imports: holds the table below against what the sources really import, types
// included. Where a better layout shows itself, change it and this table together.
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { type Architecture, checkArchitecture } from './helpers/sources/architecture-rules.ts';
import { unusedExports } from './helpers/sources/unused-exports.ts';

const ARCHITECTURE: Architecture = {
  areas: {
    // test/ may import anything, and nothing imports it.
    cli: [
      'common/',
      'proto/gen/',
      'dynamic:proxy/main.ts',
      'dynamic:control-plane/main.ts',
      'dynamic:keeper/main.ts',
    ],
    proxy: ['common/', 'proto/gen/'],
    keeper: ['common/'],
    // It runs in the browser: of the others it knows the types of what it is answered.
    dashboard: ['control-plane/dashboard/answers/', 'proto/gen/'],
    'control-plane': ['common/', 'proto/gen/'],
    // It measures the programs from outside; a fleet has an operator and speaks as sidecars do.
    bench: ['common/', 'proto/gen/', 'cli/admin/client.ts', 'cli/admin/credential.ts'],
    common: ['proto/gen/', 'package.json'],
  },
  // Top layer first. Rooms of one line do not know each other.
  layers: {
    common: [
      ['wire/'],
      ['rpc/', 'mesh-config/'],
      ['authorization/'],
      ['config/', 'logging/', 'metrics/', 'pki/', 'routes/', 'tls/'],
      ['budget/'],
      ['files/', 'network/', 'process/'],
      ['*'],
    ],
    proxy: [
      ['main.ts', 'workers/main.ts'],
      ['wiring/'],
      ['workers/', 'admin/'],
      ['gateway/', 'questions/'],
      ['inbound/', 'outbound/', 'egress/', 'routes/'],
      ['tunnel/', 'http/', 'tracing/', 'discovery/', 'interception/', 'workload/', 'traffic/'],
      ['metrics/', 'http2/', 'identity/', 'policy/', 'config/'],
      ['stream/'],
    ],
    'control-plane': [
      ['main.ts'],
      ['server/'],
      ['api/', 'dashboard/', 'store/sqlite/', 'store/etcd/'],
      ['prometheus/', 'questions/'],
      ['registry/', 'traffic/'],
      ['revocation/', 'federation/', 'operators/', 'ca/upstream/'],
      ['ca/rotation/'],
      ['ca/', 'tokens/', 'policy/', 'keys/'],
      ['leader/'],
      ['config/', 'metrics.ts', 'store/', 'keyed-mutex.ts'],
    ],
    dashboard: [['main.ts'], ['pages/'], ['parts/'], ['graph/'], ['data/']],
    keeper: [
      ['main.ts'],
      ['keep.ts'],
      ['reconciler.ts'],
      ['engine*', 'decide.ts'],
      ['container.ts', 'config.ts', 'keeper-error.ts'],
    ],
    cli: [
      ['main.ts'],
      ['dispatch.ts', 'command-table.ts'],
      ['commands/'],
      [
        'demo/',
        'compose/',
        'verify/',
        'completion/',
        'manual/',
        'traffic/',
        'check/',
        'status/',
        'bug-report/',
      ],
      ['names/'],
      ['admin/'],
      ['output/', 'command.ts', 'operator-file.ts'],
      ['cli-context.ts'],
    ],
    bench: [
      ['main.ts', 'fleet/'],
      ['run*'],
      ['workloads/', 'report/'],
      ['peers/', 'measure/'],
      ['lab/', 'results/', 'bound/', 'fleet/simulator/'],
      ['load/', 'bench-*', 'fleet/machine-clock.ts'],
    ],
  },
  reserved: {
    'control-plane/store/sqlite/': ['control-plane/server/'],
    'control-plane/store/etcd/': ['control-plane/server/'],
    // What is generated encodes and calls at the borders only. Its types are the shape of what travels,
    // and everybody may import those.
    'proto/gen/': [
      'control-plane/api/',
      'control-plane/store/etcd/',
      'proxy/discovery/',
      'proxy/identity/',
      'cli/admin/client.ts',
      'common/wire/',
      'bench/fleet/simulator/',
    ],
  },
  openTypes: ['proto/gen/'],
  hidden: {
    'common/rpc/peer.ts': 'what a handshake proved belongs to its connection, an object of Node.js',
  },
  sockets: {
    'proxy/interception/client-sockets.ts': 'a Network itself, which makes sockets with an option',
    'proxy/stream/handles/runtime.ts': 'makes one from what a listener of a Network has accepted',
    'proxy/stream/use-buffer.ts': 'a socket that is never connected, to look into',
  },
  maxLines: 400,
};

const ROOT = join(import.meta.dirname, '..');

function readSources(): Map<string, string> {
  return read('{common,proxy,control-plane,keeper,cli,bench,dashboard}/**/*.ts');
}

function read(pattern: string): Map<string, string> {
  const files = globSync(pattern, { cwd: ROOT });
  return new Map(files.map((file) => [file, readFileSync(join(ROOT, file), 'utf8')]));
}

test('the sources keep to the architecture', (t) => {
  const sources = readSources();
  t.true(sources.size > 50, 'the sources were found');
  const violations = checkArchitecture(sources, ARCHITECTURE);
  t.deepEqual(
    violations.map(({ file, finding, rule }) => `${file}: ${finding} (${rule})`),
    [],
  );
});

/** What the checker says about one file, seen from its first rule on. */
function rulesBroken(file: string, source: string): string[] {
  return checkArchitecture(new Map([[file, source]]), ARCHITECTURE).map(({ rule }) => rule);
}

const BROKEN = [
  ['proxy/stream/x.ts', "import { a } from '../tunnel/a.ts';", /lies below/],
  ['proxy/stream/x.ts', "import type { A } from '../tunnel/a.ts';", /lies below/],
  ['proxy/stream/x.ts', "type A = import('../tunnel/a.ts').A;", /lies below/],
  ['proxy/stream/x.ts', "export { a } from '../tunnel/a.ts';", /lies below/],
  ['proxy/stream/x.ts', "export * from '../tunnel/a.ts';", /lies below/],
  ['proxy/stream/x.ts', "await import('../tunnel/a.ts');", /lies below/],
  ['proxy/stream/x.ts', "const a = 'b'; await import(a);", /must stand in the source/],
  ['proxy/inbound/x.ts', "import '../outbound/a.ts';", /side by side/],
  ['proxy/inbound/x.ts', "import '../../control-plane/metrics.ts';", /may import only/],
  ['cli/main.ts', "import '../proxy/main.ts';", /may import only/],
  ['common/pki/x.ts', "import '../logging/logger.ts';", /side by side/],
  ['common/clock.ts', "import '../test/helpers/manual-clock.ts';", /may import only/],
  ['control-plane/api/x.ts', "import '../store/sqlite/a.ts';", /only control-plane\/server/],
  ['proxy/tunnel/x.ts', "import '../../bench/results/rows.ts';", /may import only/],
  ['bench/peers/x.ts', "import '../../proxy/metrics.ts';", /may import only/],
  ['proxy/tunnel/x.ts', "import { A } from '../../proto/gen/a.ts';", /may import proto/],
  ['proxy/cupboard/x.ts', '', /has a room/],
  ['proxy/tunnel/x.ts', 'export default 1;', /named exports/],
  ['proxy/tunnel/x.ts', 'const a = 1; export { a as default };', /named exports/],
  ['proxy/tunnel/x.ts', 'process.env.A;', /only main\.ts/],
  ['proxy/tunnel/x.ts', 'process.exit(1);', /only main\.ts/],
  ['proxy/tunnel/x.ts', "import { argv } from 'node:process';", /only main\.ts/],
  ['proxy/tunnel/x.ts', 'Date.now();', /tells the time/],
  ['proxy/tunnel/x.ts', 'const now = Date.now;', /tells the time/],
  ['common/rpc/x.ts', 'performance.now();', /tells the time/],
  ['control-plane/api/x.ts', 'new Date();', /tells the time/],
  ['keeper/engine.ts', 'setTimeout(() => {}, 1);', /sets timers/],
  ['proxy/tunnel/x.ts', "import net from 'node:net'; net.connect(1);", /in its Network/],
  ['proxy/egress/x.ts', "import { type A, connect } from 'node:tls';", /in its Network/],
  ['proxy/stream/x.ts', "import * as net from 'net'; net.createServer();", /in its Network/],
  ['proxy/tunnel/x.ts', 'new WeakMap();', /an object holds/],
  ['common/pki/x.ts', 'const a = b as unknown as string;', /an object holds/],
  ['proxy/tunnel/x.ts', 'a.catch(() => {});', /under the guard/],
  ['control-plane/api/x.ts', 'b(a).catch(() => undefined);', /under the guard/],
  ['cli/main.ts', 'void a.catch(() => null);', /under the guard/],
  ['proxy/tunnel/x.ts', '\n'.repeat(401), /no file over 400/],
] as const;

for (const [file, source, rule] of BROKEN) {
  test(`it would be noticed: ${source.trim().slice(0, 60) || rule.source} in ${file}`, (t) => {
    const [broken = '', ...others] = rulesBroken(file, source);
    t.regex(broken, rule);
    t.deepEqual(others, []);
  });
}

test('what is exported is used by another file', (t) => {
  t.deepEqual(unusedExports(readSources(), read('{test,tools,examples}/**/*.ts')), []);
  const lone = new Map([['a.ts', 'export function lone() {}\nexport const used = 1;']]);
  const user = new Map([['b.ts', "import { used } from './a.ts';"]]);
  t.deepEqual(unusedExports(lone, user), ['a.ts: lone']);
});

test('few enough floors to hold in the head', (t) => {
  t.true((ARCHITECTURE.layers['proxy']?.length ?? 0) <= 8, 'proxy/ has at most eight floors');
});

test('what is allowed passes', (t) => {
  const allowed = [
    [
      'proxy/tunnel/x.ts',
      "import '../stream/a.ts'; import '../../common/clock.ts'; import 'pino';",
    ],
    ['proxy/main.ts', "import '../common/rpc/a.ts'; process.exit(process.argv.length);"],
    ['cli/main.ts', "await import('../proxy/main.ts');"],
    ['control-plane/server/server.ts', "import '../store/sqlite/a.ts';"],
    ['control-plane/store/sqlite/a.ts', "import './b.ts'; import '../store.ts';"],
    ['proxy/discovery/x.ts', "import { A } from '../../proto/gen/a.ts';"],
    ['proxy/tunnel/x.ts', "import type { A } from '../../proto/gen/a.ts';"],
    [
      'proxy/tunnel/x.ts',
      "import type { Socket } from 'node:net'; import { isIP } from 'node:net';",
    ],
    ['proxy/tunnel/x.ts', "import { type Socket } from 'node:net'; network.connect(1);"],
    ['proxy/tunnel/x.ts', 'new Date(0).toISOString(); socket.setTimeout(1);'],
    ['common/clock.ts', 'Date.now(); setTimeout(() => {}, 1);'],
    [
      'proxy/tunnel/x.ts',
      'a.catch(ignoreError); a.catch(() => b.close()); a.catch((e) => { tell(e); });',
    ],
    ['proxy/tunnel/x.ts', '\n'.repeat(400)],
  ] as const;
  for (const [file, source] of allowed) t.deepEqual(rulesBroken(file, source), [], source);
});
