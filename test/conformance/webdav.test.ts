/**
 * A session of WebDAV with curl, on Apache and on nginx, directly and through the gateway over HTTP/1.1 and HTTP/2: every
 * answer is the same (RFC 4918). MKCOL, COPY and PROPFIND have no body, and servers refuse one.
 */
import { execFile } from 'node:child_process';
import { chmod } from 'node:fs/promises';
import { promisify } from 'node:util';
import { startApacheDav } from '../helpers/servers/apache.ts';
import { startNginx } from '../helpers/servers/nginx.ts';
import { requires } from '../helpers/machine/requirements.ts';
import type { Scope } from '../helpers/scope.ts';
import { temporaryDirectory } from '../helpers/machine/temporary-directory.ts';
import { openGatewayUnderTest } from '../proxy/gateway/gateway-under-test.ts';

const run = promisify(execFile);
const LOCK =
  '<?xml version="1.0"?><lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope><locktype><write/></locktype></lockinfo>';
const NAMES = '<?xml version="1.0"?><propfind xmlns="DAV:"><propname/></propfind>';
const TO = (target: string): string[] => ['-H', `Destination: http://dav.test${target}`];

/** Each with the arguments of curl. */
const SESSION: readonly (readonly [method: string, target: string, args?: readonly string[]])[] = [
  ['OPTIONS', '/'],
  ['MKCOL', '/a/'],
  ['MKCOL', '/a/'],
  ['MKCOL', '/none/b/'],
  ['PUT', '/a/file.txt', ['-d', 'hello']],
  ['PUT', '/a/chunks.txt', ['-d', 'hello, chunks', '-H', 'Transfer-Encoding: chunked']],
  ['PUT', '/a/empty.txt', ['-d', '']],
  ['GET', '/a/file.txt'],
  ['GET', '/a/chunks.txt'],
  ['GET', '/a/file.txt', ['-H', 'Range: bytes=1-3']],
  ['COPY', '/a/file.txt', TO('/a/copy.txt')],
  ['COPY', '/a/file.txt', [...TO('/a/copy.txt'), '-H', 'Overwrite: F']],
  ['COPY', '/a/', TO('/b/')],
  ['MOVE', '/b/copy.txt', TO('/b/moved.txt')],
  ['GET', '/b/moved.txt'],
  ['PROPFIND', '/a/', ['-H', 'Depth: 0']],
  ['PROPFIND', '/a/', ['-H', 'Depth: 1', '-d', NAMES]],
  ['LOCK', '/none/file.txt', ['-d', LOCK]],
  ['UNLOCK', '/a/file.txt', ['-H', 'Lock-Token: <opaquelocktoken:none>']],
  ['DELETE', '/a/empty.txt'],
  ['DELETE', '/a/'],
  ['DELETE', '/a/'],
  ['GET', '/a/file.txt'],
  ['DELETE', '/b/'],
];

/** What a session says, without what is different each time. */
async function play(port: number, version: string): Promise<string[]> {
  const answers: string[] = [];
  for (const [method, target, args = []] of SESSION) {
    const common = ['-s', '-m', '20', '-w', '\n%{http_code}', version, '-X', method, ...args];
    const where = ['--connect-to', `dav.test:80:127.0.0.1:${port}`];
    const { stdout } = await run('curl', [...common, ...where, `http://dav.test${target}`]);
    answers.push(
      `${method} ${target}: ${stdout.replaceAll(/opaquelocktoken:[-0-9a-f]+|\d{2}:\d{2}:\d{2}|(?:W\/)?"[0-9a-f]+-[-0-9a-f]+"/g, '*')}`,
    );
  }
  return answers;
}

async function startNginxDav(scope: Scope): Promise<number> {
  const folder = await temporaryDirectory();
  scope.teardown(() => folder[Symbol.asyncDispose]());
  // As root nginx serves as another user, who has to reach the files.
  await chmod(folder.path, 0o777);
  return await startNginx(
    scope,
    `server {
      listen 127.0.0.1:PORT;
      root ${folder.path};
      dav_methods PUT DELETE MKCOL COPY MOVE;
      dav_access all:rw;
    }`,
  );
}

for (const [name, start] of [
  ['apache2', startApacheDav],
  ['nginx', startNginxDav],
] as const) {
  requires('curl', name)(
    `a session of WebDAV on ${name} is the same through the gateway`,
    async (t) => {
      const port = await start(t);
      const { port: front } = await openGatewayUnderTest(t, {
        listeners: `
  - {name: web, listen: '127.0.0.1:0', protocol: HTTP, routes: [{backend: 'dav:80'}]}`,
        services: { dav: port },
      });
      const directly = await play(port, '--http1.1');
      t.true(
        directly.some((answer) => /^MKCOL[^]*\n201$/.test(answer)),
        'collections are made',
      );
      t.true(
        directly.some((answer) => /^COPY[^]*\n20[14]$/.test(answer)),
        'resources are copied',
      );
      for (const version of ['--http1.1', '--http2-prior-knowledge']) {
        t.deepEqual(await play(front('web'), version), directly, version);
      }
    },
  );
}
