// What a sidecar loads stays in its memory, and there is one beside each service.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';

const ROOT = join(import.meta.dirname, '../..');

/** As the program finds them; `cli/main.ts` itself would run. */
const ENTRIES = [
  'cli/dispatch.ts',
  'cli/command-table.ts',
  'proxy/main.ts',
  'proxy/wiring/sidecar.ts',
];

interface Loaded {
  readonly files: readonly string[];
  readonly builtins: readonly string[];
}

async function loadedBy(entries: readonly string[]): Promise<Loaded> {
  const script = `
    import { registerHooks } from 'node:module';
    const files = [];
    const load = (url, context, next) => { files.push(url); return next(url, context); };
    registerHooks({ load });
    for (const entry of ${JSON.stringify(entries)}) await import(${JSON.stringify(`${ROOT}/`)} + entry);
    console.log(JSON.stringify({ files, builtins: process.moduleLoadList }));
    process.exit();
  `;
  const args = ['--disable-warning=ExperimentalWarning', '--input-type=module', '--eval', script];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  return JSON.parse(stdout) as Loaded;
}

const PACKAGE = /\/node_modules\/((?:@[^/]+\/)?[^/]+)\//;

test('a sidecar loads the packages that it needs to be idle, and no others', async (t) => {
  const { files, builtins } = await loadedBy(ENTRIES);
  const packages = new Set(files.map((file) => PACKAGE.exec(file)?.[1]).filter(Boolean));
  t.deepEqual([...packages].sort(), [
    '@bufbuild/protobuf',
    '@grpc/grpc-js',
    '@js-sdsl/ordered-map',
    // Wanted by prom-client.
    '@opentelemetry/api',
    '@pinojs/redact',
    'atomic-sleep',
    'bintrees',
    'commander',
    // Names that are near, of upstreams that nobody serves.
    'fastest-levenshtein',
    'ipaddr.js',
    'node-forge',
    'on-exit-leak-free',
    'pino',
    'pino-std-serializers',
    'prom-client',
    'quick-format-unescaped',
    'safe-stable-stringify',
    'sonic-boom',
    'tdigest',
    'thread-stream',
    'zod',
  ]);
  // Of the forty modules of node-forge those that read and write DER.
  t.is(files.filter((file) => file.includes('/node-forge/')).length, 5);
  // 6 MB that come with an import of node:http.
  t.deepEqual(
    builtins.filter((name) => name.includes('undici')),
    [],
  );
  t.deepEqual(
    files.filter((file) =>
      /\/(cli\/commands|control-plane|keeper|proxy\/gateway|proxy\/workers)\//.test(file),
    ),
    [],
  );
});
