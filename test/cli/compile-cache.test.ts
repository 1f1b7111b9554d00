// What an image is built with: the cache of compiled code is complete, and for the flags of the launcher.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { temporaryDirectory } from '../helpers/machine/temporary-directory.ts';

const ROOT = join(import.meta.dirname, '../..');

/**
 * What the launcher writes to standard error. It goes to a file: what Node.js says of its cache is written past its
 * streams, and is lost where a pipe is full.
 */
async function launch(args: readonly string[], env: NodeJS.ProcessEnv): Promise<string> {
  await using folder = await temporaryDirectory();
  const path = join(folder.path, 'stderr');
  await using file = await open(path, 'w');
  const child = spawn(join(ROOT, 'cli/hauberk'), args, {
    env: { PATH: process.env['PATH'], ...env },
    stdio: ['ignore', 'ignore', file.fd],
  });
  await once(child, 'close');
  return await readFile(path, 'utf8');
}

test('a sidecar whose cache was filled strips no types and compiles nothing', async (t) => {
  await using cache = await temporaryDirectory();
  const fill = `--import=${join(ROOT, 'tools/fill-compile-cache.ts')}`;
  t.is(await launch(['version'], { NODE_COMPILE_CACHE: cache.path, NODE_OPTIONS: fill }), '');

  await using state = await temporaryDirectory();
  const output = await launch(
    ['proxy', '--service=web', `--state-dir=${state.path}`, '--metrics-listen=127.0.0.1:0'],
    { NODE_COMPILE_CACHE: cache.path, NODE_DEBUG_NATIVE: 'COMPILE_CACHE' },
  );
  t.regex(output, /there is no token|join token/, 'it came as far as it comes without a token');
  const verdicts = output.matchAll(
    /code cache for \w+ (\S+) was (accepted|rejected|not initialized)/g,
  );
  const byFile = [...verdicts].map(([, file = '', verdict]) => ({ file, verdict }));
  t.true(byFile.some(({ file }) => file.endsWith('/proxy/tunnel/tunnel-pool.ts')));
  t.deepEqual(
    byFile.filter(({ verdict }) => verdict !== 'accepted'),
    [],
  );
  t.notRegex(output, /saving transpilation cache/);
});
