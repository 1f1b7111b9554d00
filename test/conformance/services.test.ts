/**
 * What services do that a proxy could get wrong, with programs of others on both ends: PHP behind nginx, events that come
 * one by one, and an upload of 1 GiB that must not be held in memory.
 */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, writeFile } from 'node:fs/promises';
import http from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import path from 'node:path';
import { promisify } from 'node:util';
import { eventually, within } from '../helpers/deadline.ts';
import { freePort } from '../helpers/free-port.ts';
import { startNginx } from '../helpers/nginx.ts';
import { requires } from '../helpers/requirements.ts';
import type { Scope } from '../helpers/scope.ts';
import { temporaryDirectory } from '../helpers/temporary-directory.ts';
import { openGatewayUnderTest } from '../proxy/gateway/gateway-under-test.ts';

const run = promisify(execFile);
const VERSIONS = ['--http1.1', '--http2-prior-knowledge'];

async function inFrontOf(scope: Scope, app: number, limits = ''): Promise<string> {
  const gateway = await openGatewayUnderTest(scope, {
    listeners: `
  - {name: web, listen: '127.0.0.1:0', protocol: HTTP, ${limits} routes: [{backend: 'app:80'}]}`,
    services: { app },
  });
  return `http://127.0.0.1:${gateway.port('web')}`;
}

async function serve(scope: Scope, listener: http.RequestListener): Promise<number> {
  const server = http.createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  scope.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

const SCRIPT = `<?php
header('X-Method: ' . $_SERVER['REQUEST_METHOD']);
header('X-Bytes: caf' . chr(233));
setcookie('a', '1'); setcookie('b', '2');
if (isset($_GET['flush'])) { echo 'first'; ob_flush(); flush(); echo 'second'; }
else echo $_SERVER['REQUEST_METHOD'], ' ', $_POST['name'] ?? '-', ' ', isset($_FILES['file']) ? $_FILES['file']['size'] : '-';
`;

async function startPhp(scope: Scope): Promise<number> {
  const directory = await temporaryDirectory();
  await writeFile(path.join(directory.path, 'index.php'), SCRIPT);
  const fastcgi = await freePort();
  const php = spawn('php-cgi', ['-b', `127.0.0.1:${fastcgi}`, '-d', 'cgi.force_redirect=0'], {
    env: { PATH: process.env['PATH'], PHP_FCGI_CHILDREN: '0' },
    stdio: 'ignore',
  });
  const ended = once(php, 'close');
  scope.teardown(async () => {
    php.kill('SIGKILL');
    await ended;
    await directory[Symbol.asyncDispose]();
  });
  await eventually('PHP listens', async () => {
    const socket = connect({ port: fastcgi, host: '127.0.0.1' });
    const isOpen = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    });
    socket.destroy();
    return isOpen || undefined;
  });
  return await startNginx(
    scope,
    `server {
      listen 127.0.0.1:PORT;
      client_max_body_size 0;
      location / {
        fastcgi_pass 127.0.0.1:${fastcgi};
        fastcgi_param SCRIPT_FILENAME ${directory.path}/index.php;
        fastcgi_param REQUEST_METHOD $request_method;
        fastcgi_param QUERY_STRING $query_string;
        fastcgi_param CONTENT_TYPE $content_type;
        fastcgi_param CONTENT_LENGTH $content_length;
      }
    }`,
  );
}

requires(
  'curl',
  'nginx',
  'php-cgi',
)('PHP behind nginx answers as it does directly', async (t) => {
  const port = await startPhp(t);
  const front = await inFrontOf(t, port);
  const ask = async (base: string, ...args: readonly string[]): Promise<string> => {
    const { stdout } = await run(
      'curl',
      ['-s', '-i', '-m', '20', ...args, `${base}/?${args.includes('-N') ? 'flush' : ''}`],
      { encoding: 'latin1' },
    );
    // Letters of names and the version are not PHP's.
    const [head = '', body = ''] = stdout.split('\r\n\r\n').slice(-2);
    const fields = head
      .split('\r\n')
      .slice(1)
      .map((line) => line.toLowerCase());
    const kept = fields.filter((line) => /^(x-|set-cookie|content-type)/.test(line));
    return [...kept, body].join('\n');
  };
  for (const args of [
    [],
    ['-d', 'name=hello'],
    ['-d', 'name=chunks', '-H', 'Transfer-Encoding: chunked'],
    ['-F', 'name=form', '-F', 'file=@/etc/passwd'],
    ['-X', 'DELETE'],
    ['-N'],
  ]) {
    const directly = await ask(`http://127.0.0.1:${port}`, ...args);
    t.regex(directly, /caf\xe9/, 'as it should be');
    for (const version of VERSIONS) t.is(await ask(front, version, ...args), directly, args.join());
  }
});

requires('curl')('events of a server come one by one, while the request goes on', async (t) => {
  const responses: http.ServerResponse[] = [];
  const port = await serve(t, (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('data: 0\n\n');
    responses.push(response);
  });
  const front = await inFrontOf(t, port);
  for (const version of VERSIONS) {
    const curl = spawn('curl', ['-sN', '-m', '40', version, front], {
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    t.teardown(() => curl.kill('SIGKILL'));
    let heard = '';
    curl.stdout.on('data', (chunk: Buffer) => (heard += chunk.toString()));
    const hears = (text: string) =>
      eventually(
        `${version} hears ${text}`,
        () => heard.endsWith(`data: ${text}\n\n`) || undefined,
      );
    await hears('0');
    const response = responses.pop();
    for (const event of ['1', '2', '3']) {
      response?.write(`data: ${event}\n\n`);
      await hears(event);
    }
    const closed = once(curl, 'close');
    response?.end();
    t.deepEqual(await within('curl ends', closed), [0, null]);
  }
});

const GIB = 1024 ** 3;
/** Of the gateway, the service and their buffers, which are all in this process. */
const GROWTH_BYTES = 200 * 1024 * 1024;

requires('curl')('an upload of 1 GiB is not held in memory', async (t) => {
  t.timeout(180_000);
  let received = 0;
  const port = await serve(t, (request, response) => {
    request.on('data', (chunk: Buffer) => (received += chunk.length));
    request.on('end', () => response.end('taken'));
  });
  const front = await inFrontOf(t, port, `limits: {bodyBytes: ${2 * GIB}},`);
  await using directory = await temporaryDirectory();
  const file = path.join(directory.path, 'sparse');
  const sparse = await open(file, 'w');
  await sparse.truncate(GIB);
  await sparse.close();
  const before = process.memoryUsage.rss();
  let highest = before;
  const watch = setInterval(() => (highest = Math.max(highest, process.memoryUsage.rss())), 50);
  t.teardown(() => clearInterval(watch));
  const { stdout } = await run('curl', [
    '-s',
    '-m',
    '150',
    '--http1.1',
    '-H',
    'Expect:',
    '-T',
    file,
    front,
  ]);
  t.is(stdout, 'taken');
  t.is(received, GIB);
  t.true(highest - before < GROWTH_BYTES, `${Math.round((highest - before) / 1e6)} MB more`);
});
