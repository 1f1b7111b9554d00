/** examples/ha as a reader runs it: its script, with a real Docker engine. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { within } from '../helpers/deadline.ts';
import { dockerEngine } from '../helpers/docker/docker-engine.ts';
import { TEST_IMAGE } from '../helpers/docker/images.ts';
import { requires } from '../helpers/requirements.ts';

const SCRIPT = join(import.meta.dirname, '../../examples/ha/run.sh');
/** Images are built, on a machine that has other tests to run. */
const TIMEOUT_MS = 15 * 60_000;

requires('docker')('run.sh kills each in turn, and no call fails', async (t) => {
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
  for (const [victim, survivor] of [
    ['etcd-1', 'control-plane-a'],
    ['etcd-2', 'control-plane-a'],
    ['etcd-3', 'control-plane-a'],
    ['control-plane-a', 'control-plane-b'],
    ['control-plane-b', 'control-plane-a'],
  ]) {
    t.regex(
      said,
      new RegExp(`^killed ${victim}: a token was made at ${survivor}, and \\d+ calls`, 'm'),
    );
  }
  t.regex(said, /^each was killed once, and none of \d+ calls failed: passed$/m);
  const left = await engine.docker(
    'ps',
    '--all',
    '--quiet',
    '--filter',
    'label=com.docker.compose.project=ha',
  );
  t.is(left, '');
});
