/** examples/two-containers as a reader runs it: its script, with a real Docker engine. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { dockerEngine } from '../helpers/docker/docker-engine.ts';
import { TEST_IMAGE } from '../helpers/docker/images.ts';
import { within } from '../helpers/deadline.ts';
import { requires } from '../helpers/requirements.ts';

const SCRIPT = join(import.meta.dirname, '../../examples/two-containers/run.sh');
/** Images are built, on a machine that has other tests to run. */
const TIMEOUT_MS = 15 * 60_000;

requires('docker')('run.sh reads the order before, and cannot after', async (t) => {
  t.timeout(TIMEOUT_MS);
  const engine = await dockerEngine(t);
  const script = spawn(SCRIPT, {
    env: { ...engine.env, HAUBERK_IMAGE: TEST_IMAGE },
    stdio: ['ignore', 'pipe', 'pipe'],
    // With what it starts, so that nothing of it is left when it takes too long.
    detached: true,
  });
  t.teardown(() => {
    if (script.exitCode === null && script.pid !== undefined) process.kill(-script.pid, 'SIGTERM');
  });
  const [stdout, stderr, [code]] = await within(
    'run.sh ends',
    Promise.all([
      script.stdout.setEncoding('utf8').toArray(),
      script.stderr.setEncoding('utf8').toArray(),
      once(script, 'close') as Promise<[number | null]>,
    ]),
    TIMEOUT_MS,
  );
  const said = stdout.join('');
  t.is(code, 0, `${said}\n${stderr.join('')}`);
  t.regex(said, /== without a mesh\nthe card number was read [1-9]\d* times/);
  t.regex(said, /== with Hauberk\nthe card number was read 0 times/);
  t.regex(
    said,
    /\n {2}ok {9}a client with the wrong identity {2}refused: it answered CONNECT with 401\n/,
  );
  t.regex(said, /\nreadable before, encrypted after: passed\n$/);
  const left = await engine.docker(
    'ps',
    '--all',
    '--quiet',
    '--filter',
    'label=com.docker.compose.project=two-containers',
  );
  t.is(left, '');
});
