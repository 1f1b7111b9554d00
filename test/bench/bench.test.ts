/**
 * The bench is run as a person would, as briefly as it goes: one workload, our pair and one other. The
 * figures mean nothing here; that there are any, and that nothing is left behind, does.
 */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { resultsSchema } from '../../bench/results/results.ts';
import { requires } from '../helpers/machine/requirements.ts';
import { runBench, type BenchRun } from './run-bench.ts';
import { temporaryDirectory } from '../helpers/machine/temporary-directory.ts';

const bench = (args: readonly string[], temporary: string): Promise<BenchRun> =>
  runBench('main.ts', args, temporary);

test('workloads and peers are named with what they are, in columns', async (t) => {
  await using temporary = await temporaryDirectory();
  const { code, stdout } = await bench(['--list'], temporary.path);
  t.is(code, 0);
  const [, workloads = '', peers = ''] = stdout.split(/^(?:workloads|peers):\n/m);
  for (const block of [workloads, peers]) {
    const lines = block.trimEnd().split('\n');
    const columns = lines.map((line) => /^ {2}\S+ {2,}(?=\S)/.exec(line)?.[0].length);
    t.is(new Set(columns).size, 1, block);
    t.not(columns[0], undefined);
  }
});

requires('nginx', 'wrk', 'taskset').serial(
  'a workload is measured on our pair and on nginx',
  async (t) => {
    await using temporary = await temporaryDirectory();
    const file = join(temporary.path, 'results.json');
    const only = ['--only=keep-alive-8', '--peers=nginx'];
    const brief = ['--rounds=1', '--seconds=0.2', `--json=${file}`];
    const { code, stdout, stderr } = await bench([...only, ...brief], temporary.path);
    t.is(code, 0, stderr);
    t.regex(stdout, /keep-alive, 8 connections +requests +\/s +[\d ]+/);
    const { peers, samples } = resultsSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
    t.deepEqual(
      peers.map(({ id }) => id),
      ['hauberk', 'nginx'],
    );
    for (const { peer, values, failure } of samples) {
      t.is(failure, undefined, peer);
      t.true((values['requests'] ?? 0) > 0, peer);
      t.true((values['p99'] ?? 0) >= (values['p50'] ?? 0), peer);
      t.is(values['errors'], 0, peer);
    }
    t.deepEqual(readdirSync(temporary.path), ['results.json'], 'nothing is left behind');
  },
);

requires('nginx', 'wrk', 'taskset').serial(
  'requests at a fixed rate are measured from when they were due',
  async (t) => {
    await using temporary = await temporaryDirectory();
    const file = join(temporary.path, 'results.json');
    const only = ['--only=open-loop-2000', '--peers=nginx'];
    const brief = ['--rounds=1', '--seconds=0.5', `--json=${file}`];
    const { code, stderr } = await bench([...only, ...brief], temporary.path);
    t.is(code, 0, stderr);
    const { samples } = resultsSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
    t.is(samples.length, 2);
    for (const { peer, values, failure } of samples) {
      t.is(failure, undefined, peer);
      t.true((values['p50'] ?? 0) > 0, peer);
      t.true((values['p999'] ?? 0) >= (values['p99'] ?? 0), peer);
      t.is(values['errors'], 0, peer);
    }
  },
);

requires('nginx', 'wrk', 'taskset').serial(
  'the rate of an open loop is half of what the best peer carried in the same run',
  async (t) => {
    await using temporary = await temporaryDirectory();
    const file = join(temporary.path, 'results.json');
    const only = ['--only=open-loop-half', '--peers=nginx'];
    const brief = ['--rounds=1', '--seconds=0.5', `--json=${file}`];
    const { code, stderr } = await bench([...only, ...brief], temporary.path);
    t.is(code, 0, stderr);
    const { samples } = resultsSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
    const of = (workload: string) => samples.filter((sample) => sample.workload === workload);
    const capacity = of('keep-alive-32').find(({ peer }) => peer === 'nginx')?.values['requests'];
    t.is(of('open-loop-half').length, 2);
    for (const { peer, values, failure } of of('open-loop-half')) {
      t.is(failure, undefined, peer);
      t.is(values['rate'], Math.round((capacity ?? Number.NaN) / 2), peer);
    }
  },
);

requires('nginx', 'wrk', 'taskset').serial(
  'idle connections are held, and carry requests after that',
  async (t) => {
    await using temporary = await temporaryDirectory();
    const file = join(temporary.path, 'results.json');
    const only = ['--only=idle-10', '--only=idle-100', '--peers=nginx'];
    const brief = ['--rounds=1', '--seconds=0.5', `--json=${file}`];
    const { code, stdout, stderr } = await bench([...only, ...brief], temporary.path);
    t.is(code, 0, stderr);
    t.regex(stdout, /growth with +figure +unit +Hauberk +nginx/);
    const { samples } = resultsSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
    t.is(samples.length, 4);
    for (const { peer, values, failure } of samples) {
      t.is(failure, undefined, peer);
      t.true((values['both'] ?? 0) > 0, peer);
      t.true((values['cpu'] ?? 0) > 0, peer);
      t.true((values['p99'] ?? 0) > 0, peer);
      t.is(values['errors'], 0, peer);
    }
  },
);

for (const [id, what] of [
  ['peers-10', 'peers'],
  ['services-10', 'services'],
] as const) {
  requires('nginx', 'taskset').serial(
    `${what} are made, and what they take is measured`,
    async (t) => {
      await using temporary = await temporaryDirectory();
      const file = join(temporary.path, 'results.json');
      const brief = ['--rounds=1', '--seconds=0.5', `--json=${file}`];
      const { code, stderr } = await bench(
        [`--only=${id}`, '--peers=nginx', ...brief],
        temporary.path,
      );
      t.is(code, 0, stderr);
      const { samples } = resultsSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
      t.is(samples.length, 1, `nobody else has ${what} of this kind`);
      const [sample] = samples;
      t.is(sample?.failure, undefined);
      t.true((sample?.values['memory'] ?? 0) > 0);
      t.true((sample?.values['cpu'] ?? 0) > 0);
      t.true((sample?.values['p99'] ?? 0) > 0);
      t.deepEqual(readdirSync(temporary.path), ['results.json'], 'nothing is left behind');
    },
  );
}

test('a run whose time is up says what it has not measured', async (t) => {
  await using temporary = await temporaryDirectory();
  const only = ['--only=idle-10', '--peers=nginx', '--rounds=1', '--minutes=1e-9'];
  const { code, stdout, stderr } = await bench(only, temporary.path);
  t.is(code, 0, stderr);
  t.regex(stdout, /the run had 1e-9 minutes, too few for: 10 idle connections in round 1/);
});

requires('nginx', 'wrk', 'taskset').serial(
  'sidecars with workers are measured with all of their processes',
  async (t) => {
    await using temporary = await temporaryDirectory();
    const file = join(temporary.path, 'results.json');
    const only = ['--only=workers-2', '--peers=nginx'];
    const brief = ['--rounds=1', '--seconds=0.2', `--json=${file}`];
    const { code, stderr } = await bench([...only, ...brief], temporary.path);
    t.is(code, 0, stderr);
    const { samples } = resultsSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
    t.is(samples.length, 1, 'nobody else has workers of this kind');
    for (const { values, failure } of samples) {
      t.is(failure, undefined);
      t.true((values['requests'] ?? 0) > 0);
      t.true((values['connections'] ?? 0) > 0);
      t.is(values['errors'], 0);
      // Six processes of some 50 MB: two that lead, and two workers each.
      t.true((values['memory'] ?? 0) > 200);
    }
  },
);

requires('nginx', 'h2load', 'taskset').serial(
  'a gateway is measured beside another, and the service behind them is not',
  async (t) => {
    await using temporary = await temporaryDirectory();
    const file = join(temporary.path, 'results.json');
    const only = ['--only=gateway-http2-tls-32', '--peers=nginx'];
    // Long enough for the kernel, which counts processor time in hundredths of a second, on a busy machine.
    const brief = ['--rounds=1', '--seconds=1', `--json=${file}`];
    const { code, stderr } = await bench([...only, ...brief], temporary.path);
    t.is(code, 0, stderr);
    const { samples } = resultsSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
    t.deepEqual(
      samples.map(({ peer }) => peer).toSorted((a, b) => a.localeCompare(b)),
      ['hauberk', 'nginx'],
    );
    for (const { peer, values, failure } of samples) {
      t.is(failure, undefined, peer);
      t.true((values['requests'] ?? 0) > 0, peer);
      t.true((values['cpu'] ?? 0) > 0, peer);
      t.is(values['errors'], 0, peer);
    }
    const memory = samples.find(({ peer }) => peer === 'nginx')?.values['memory'] ?? 0;
    t.true(memory > 0 && memory < 60, 'one process of nginx');
    t.deepEqual(readdirSync(temporary.path), ['results.json'], 'nothing is left behind');
  },
);

test('wrong usage is told apart from a failure', async (t) => {
  await using temporary = await temporaryDirectory();
  const { code, stderr } = await bench(['--only=nothing-of-the-kind'], temporary.path);
  t.is(code, 2);
  t.regex(
    stderr,
    /expected a workload for --only, got nothing-of-the-kind; take one of keep-alive-1, /,
  );
});
