/**
 * The demo, as a newcomer runs it: every sidecar rotates its certificate twice under load, nothing
 * fails, and nothing can be read between the sidecars.
 */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { hasSucceeded, type DemoReport } from '../../../cli/demo/demo-report.ts';
import { runHauberk } from '../../helpers/mesh/hauberk-process.ts';

const SIDECARS = 3;

test('demo --once --json ends by itself, with everything carried and nothing readable', async (t) => {
  const directory = await mkdtemp(path.join(tmpdir(), 'hauberk-test-'));
  t.teardown(() => rm(directory, { recursive: true }));
  const { code, stdout, stderr } = await runHauberk(['demo', '--once', '--json'], {
    env: { TMPDIR: directory },
    deadlineMs: 60_000,
  });
  t.is(stderr, '');
  const report = JSON.parse(stdout) as DemoReport;
  t.is(report.failures, 0);
  t.is(report.plaintextOnWire, 0);
  t.true(report.requests > 100);
  t.true(report.rotations >= 2 * SIDECARS);
  t.true(report.handshakes > 2, 'tunnels were replaced');
  t.true(report.bytesOnWire > 0);
  t.true(report.plaintextAtApp >= report.requests, 'the canary is found where it is readable');
  t.is(code, 0);
  t.deepEqual(await readdir(directory), [], 'no file of the demo is left');
});

const good: DemoReport = {
  requests: 10,
  failures: 0,
  rotations: 6,
  handshakes: 4,
  plaintextOnWire: 0,
  plaintextAtApp: 20,
  bytesOnWire: 4096,
};
for (const [what, change] of [
  ['a request failed', { failures: 1 }],
  ['something was readable on the wire', { plaintextOnWire: 1 }],
  ['nothing was carried', { requests: 0 }],
  ['the wire was not watched', { bytesOnWire: 0 }],
  ['the canary was not even found beside the client', { plaintextAtApp: 0 }],
] as const) {
  test(`the demo has failed when ${what}`, (t) => {
    t.true(hasSucceeded(good));
    t.false(hasSucceeded({ ...good, ...change }));
  });
}
