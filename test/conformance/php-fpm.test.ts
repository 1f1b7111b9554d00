/**
 * PHP behind nginx. Once the mesh is between the two: php-fpm speaks FastCGI, which is not HTTP and passes a pair of
 * sidecars as bytes. And once it is in front of both: curl asks a gateway, whose request goes through the sidecar of
 * nginx. Each answer is the one that nginx and php-fpm give without a mesh.
 */
import { execFile } from 'node:child_process';
import { truncate, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { eventually } from '../helpers/deadline.ts';
import { carryingNothing } from '../helpers/gauges.ts';
import { startGateway } from '../helpers/mesh/mesh-gateway.ts';
import { startMesh } from '../helpers/mesh/mesh.ts';
import { startNginx } from '../helpers/servers/nginx.ts';
import { nginxBeforePhp, startPhpFpm } from '../helpers/servers/php-fpm.ts';
import { requires } from '../helpers/machine/requirements.ts';
import { temporaryDirectory } from '../helpers/machine/temporary-directory.ts';

const run = promisify(execFile);

const SCRIPT = `<?php
header('X-Method: ' . $_SERVER['REQUEST_METHOD']);
header('X-Bytes: caf' . chr(233));
setcookie('a', '1'); setcookie('b', '2');
$file = $_FILES['file'] ?? null;
if (isset($_GET['status'])) { http_response_code((int) $_GET['status']); exit; }
if (isset($_GET['large'])) { for ($n = 0; $n < 400; $n++) echo str_repeat(chr(97 + $n % 26), 16384); exit; }
if (isset($_GET['flush'])) { echo 'first'; ob_flush(); flush(); echo 'second'; exit; }
echo $_SERVER['REQUEST_METHOD'], ' ', $_POST['name'] ?? '-', ' ', $file ? md5_file($file['tmp_name']) : '-';
`;

const VERSIONS = ['--http1.1', '--http2-prior-knowledge'];
const UPLOAD_BYTES = 8 * 1024 * 1024;

/** What is asked: the query, and arguments of curl. `FILE` is a file of 8 MiB. */
const ASKED: readonly (readonly [query: string, ...args: readonly string[]])[] = [
  [''],
  ['', '-d', 'name=hello'],
  ['', '-d', 'name=chunks', '-H', 'Transfer-Encoding: chunked'],
  ['', '-F', 'name=form', '-F', 'file=@FILE'],
  ['', '-F', 'name=waits', '-F', 'file=@FILE', '-H', 'Expect: 100-continue'],
  ['', '-X', 'DELETE'],
  ['', '-I'],
  ['status=204'],
  ['status=304'],
  ['status=500'],
  ['large'],
  ['flush', '-N'],
];

/** Everything that is asked, each with what is the same each time in its answer. */
async function askAll(base: string, file: string, version = '--http1.1'): Promise<string[]> {
  const answers: string[] = [];
  for (const [query, ...args] of ASKED) {
    const { stdout } = await run(
      'curl',
      [
        '-si',
        '-m60',
        version,
        ...args.map((argument) => argument.replace('FILE', file)),
        `${base}/?${query}`,
      ],
      { encoding: 'latin1', maxBuffer: 2 * UPLOAD_BYTES },
    );
    const heads = stdout.split('\r\n\r\n');
    const body = heads.pop() ?? '';
    const [start = '', ...fields] = (heads.pop() ?? '').split('\r\n');
    const kept = fields
      .map((line) => line.toLowerCase())
      .filter((line) => /^(x-|set-cookie|content-type)/.test(line));
    answers.push([query, start.split(' ')[1], ...kept, body].join('\n'));
  }
  return answers;
}

async function uploaded(folder: string): Promise<string> {
  const file = path.join(folder, 'upload');
  await writeFile(file, 'the rest is a hole');
  await truncate(file, UPLOAD_BYTES);
  return file;
}

requires(
  'curl',
  'nginx',
  'php-fpm',
)('FastCGI of nginx reaches php-fpm through two sidecars, as bytes', async (t) => {
  t.timeout(180_000);
  await using directory = await temporaryDirectory();
  const file = await uploaded(directory.path);
  const php = await startPhpFpm(t, SCRIPT);
  const mesh = await startMesh(t);
  const callee = await mesh.sidecar({ service: 'php', expose: [`9000=127.0.0.1:${php.port}`] });
  const caller = await mesh.sidecar({ service: 'web', upstreams: ['php:9000'] });
  const start = (port: number | undefined, options?: string): Promise<number> =>
    startNginx(t, nginxBeforePhp(`127.0.0.1:${port}`, php.script, options));

  const directly = await askAll(`http://127.0.0.1:${await start(php.port)}`, file);
  t.regex(directly[0] ?? '', /200\n.*caf\xe9/s, 'as it should be');
  t.regex(directly[3] ?? '', /POST form [0-9a-f]{32}$/);
  for (const kept of [undefined, 'keepalive 1;']) {
    const port = await start(caller.upstreamPorts[0], kept);
    t.deepEqual(await askAll(`http://127.0.0.1:${port}`, file), directly, kept);
  }

  for (const [sidecar, direction] of [
    [caller, 'outbound'],
    [callee, 'inbound'],
  ] as const) {
    const seen = await sidecar.metrics();
    const detected = (protocol: string): number =>
      seen.sum('hauberk_protocols_detected_total', { direction, protocol });
    t.true(detected('tcp') > 0, 'it is looked at, and taken for no HTTP');
    t.is(detected('http1') + detected('http2'), 0);
    t.is(seen.sum('hauberk_requests_total'), 0);
    t.is(seen.sum('hauberk_http_parse_failures_total'), 0);
  }
});

requires(
  'curl',
  'nginx',
  'php-fpm',
)('PHP behind nginx answers through a gateway and a sidecar as it does directly', async (t) => {
  t.timeout(180_000);
  await using directory = await temporaryDirectory();
  const file = await uploaded(directory.path);
  const php = await startPhpFpm(t, SCRIPT);
  const nginx = await startNginx(t, nginxBeforePhp(`127.0.0.1:${php.port}`, php.script));
  const mesh = await startMesh(t);
  const sidecar = await mesh.sidecar({ service: 'web', expose: [`80=127.0.0.1:${nginx}`] });
  const gateway = await startGateway(
    t,
    mesh,
    `  - {name: web, listen: '127.0.0.1:0', protocol: HTTP, routes: [{backend: 'web:80'}]}`,
  );
  const front = `http://127.0.0.1:${await gateway.port('web')}`;

  const directly = await askAll(`http://127.0.0.1:${nginx}`, file);
  for (const version of VERSIONS) {
    t.deepEqual(await askAll(front, file, version), directly, version);
  }
  const requests = await eventually('the sidecar has counted all of them', async () => {
    const seen = (await sidecar.metrics()).sum('hauberk_requests_total', { direction: 'inbound' });
    return seen >= ASKED.length * VERSIONS.length ? seen : undefined;
  });
  t.is(requests, ASKED.length * VERSIONS.length, 'each came once');
  await gateway.process.end();
  await carryingNothing([sidecar]);
});
