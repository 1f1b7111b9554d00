// Clients of the distribution, which speak HTTP/2 by prior knowledge.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { eventually, within } from '../../../helpers/deadline.ts';
import { requires } from '../../../helpers/machine/requirements.ts';
import { temporaryDirectory } from '../../../helpers/machine/temporary-directory.ts';
import { echo, listen } from './harness.ts';
import { startTwoEngines } from './two-engines.ts';

const run = promisify(execFile);
const BODY_BYTES = 1_000_000;

requires('curl')('curl asks, sends a body, and gets it back', async (t) => {
  await using directory = await temporaryDirectory();
  await using served = await listen(echo);
  const { served: proxy } = await startTwoEngines(t, served.port);
  const url = `http://127.0.0.1:${proxy.port}/some/path?a=b`;
  const curl = (...args: readonly string[]): Promise<{ stdout: string }> =>
    within('curl', run('curl', ['-sS', '--http2-prior-knowledge', ...args, url]));
  const get = await curl('-i');
  t.regex(get.stdout, /^HTTP\/2 200/);
  t.regex(get.stdout, /x-asked: GET \/some\/path\?a=b/);
  t.regex((await curl('-I')).stdout, /x-asked: HEAD/);
  t.regex((await curl('-i', '-X', 'PROPFIND')).stdout, /x-asked: PROPFIND/);
  const file = join(directory.path, 'body');
  const back = join(directory.path, 'back');
  writeFileSync(file, Buffer.alloc(BODY_BYTES, 'hauberk '));
  await curl('--data-binary', `@${file}`, '-o', back);
  const { stdout } = await run('cmp', [file, back]);
  t.is(stdout, '');
  t.deepEqual(proxy.refusals, []);
});

requires('nghttp')('nghttp asks with priorities, padding and continuations', async (t) => {
  await using served = await listen(echo);
  const url = `http://127.0.0.1:${served.port}/`;
  const many = Array.from({ length: 20 }, (_, at) => `${url}${at}`);
  const { stdout } = await within('nghttp', run('nghttp', ['-nvs', '--padding=100', ...many]));
  t.is([...stdout.matchAll(/:status: 200/g)].length, 20);
  const long = await within('nghttp', run('nghttp', ['-nv', '--continuation', url]));
  t.regex(long.stdout, /:status: 200/);
  t.deepEqual(served.refusals, []);
});

requires('h2load')('h2load makes 5,000 requests over 10 connections, and none fails', async (t) => {
  await using served = await listen(echo);
  const { served: proxy, upstream } = await startTwoEngines(t, served.port);
  const args = ['-n', '5000', '-c', '10', '-m', '10', `http://127.0.0.1:${proxy.port}/x`];
  const { stdout } = await within('h2load', run('h2load', args));
  t.regex(stdout, /5000 succeeded, 0 failed, 0 errored, 0 timeout/);
  t.regex(stdout, /status codes: 5000 2xx/);
  t.deepEqual(proxy.refusals, []);
  await eventually('nothing is open', () => upstream.connection.isIdle || undefined);
});
