/**
 * examples/egress-tls, as its README has it: the real nginx as a server outside, called through a sidecar
 * with a policy that fits, with none, and with ones that must fail, each with its reason.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { within } from '../helpers/deadline.ts';
import { requires } from '../helpers/machine/requirements.ts';
import { temporaryDirectory } from '../helpers/machine/temporary-directory.ts';

const EXAMPLE = join(import.meta.dirname, '../../examples/egress-tls');
const DEADLINE_MS = 120_000;

requires(
  'nginx',
  'openssl',
  'curl',
)('the example ends as its README says', async (t) => {
  await using temporary = await temporaryDirectory();
  const { PATH, HOME } = process.env;
  const child = spawn(join(EXAMPLE, 'run.sh'), [], {
    env: { PATH, HOME, TMPDIR: temporary.path },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of its own, so that nothing that it started outlives a failure.
    detached: true,
  });
  t.teardown(() => {
    try {
      process.kill(-(child.pid ?? 0), 'SIGKILL');
    } catch {
      // All of it has ended.
    }
  });
  const [stdout, stderr, [code]] = await within(
    'the example ends',
    Promise.all([
      child.stdout.setEncoding('utf8').toArray(),
      child.stderr.setEncoding('utf8').toArray(),
      once(child, 'close') as Promise<[number | null]>,
    ]),
    DEADLINE_MS,
  );
  const readme = readFileSync(join(EXAMPLE, 'README.md'), 'utf8');
  const [, expected = ''] = /```text\n([^]*?)```/.exec(readme) ?? [];
  t.regex(expected, /passed\n$/);
  const lines = stdout.join('').split('\n');
  t.is(lines.map((line) => line.trimEnd()).join('\n'), expected, stderr.join(''));
  t.is(code, 0);
  t.deepEqual(readdirSync(temporary.path), [], 'nothing is left behind');
});
