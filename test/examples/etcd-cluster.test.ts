/**
 * The example, as a person runs it, with less than its minute: three real members of etcd, each on
 * a host of its own behind a sidecar. While every sidecar renews its certificate at least twice, a
 * client puts and gets through the mesh, and a watch stays open; etcd notices nothing. The wire
 * between the hosts shows neither key nor value, loopback shows both. Who may not reach a port is
 * refused, beside somebody who may. However the example ends, nothing of it is left.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { SIDECARS } from '../../examples/etcd-cluster/lab/cluster.ts';
import { eventually } from '../helpers/deadline.ts';
import { readReport, runEtcdClusterExample } from '../helpers/etcd/etcd-cluster-example.ts';
import { requires } from '../helpers/machine/requirements.ts';
import { temporaryDirectory } from '../helpers/machine/temporary-directory.ts';

const testWithEtcd = requires('network-namespaces', 'etcd', 'etcdctl', 'ip', 'tcpdump', 'curl');

/** With certificates of ten seconds, renewed after two thirds of it at the latest: two rotations. */
const SECONDS = 20;

testWithEtcd('etcd works behind sidecars whose certificates rotate', async (t) => {
  t.timeout(240_000);
  await using logs = await temporaryDirectory();
  const args = ['--seconds', String(SECONDS), '--json', '--logs', logs.path];
  const { code, stdout, stderr } = await runEtcdClusterExample(t, args).ended;
  t.is(code, 0, stdout + stderr);
  const report = readReport(stdout);
  t.deepEqual(report.problems, []);

  t.true(report.calls.puts >= SECONDS / 2, 'calls went on all the time');
  t.is(report.calls.gets, report.calls.puts);
  t.deepEqual(report.calls.failures, []);
  t.is(report.watched, report.calls.puts);

  t.deepEqual(report.leader.after, report.leader.before);
  t.deepEqual(report.unrest, { leaderChanges: 0, lostStreams: 0 });
  t.deepEqual(Object.keys(report.rotations), [...SIDECARS]);
  for (const [host, count] of Object.entries(report.rotations)) {
    t.true(count >= 2, `${host} rotated ${count} times`);
    const log = readFileSync(path.join(logs.path, `${host}-sidecar.log`), 'utf8');
    t.true((log.match(/"event":"renewed"/g)?.length ?? 0) >= count);
    t.false(log.includes('"event":"renewal-failed"'));
  }

  const { wire, loopback } = report;
  t.true(wire.packets > report.calls.puts, 'the wire was captured');
  t.is(wire.dropped + loopback.dropped, 0);
  t.is(wire.readableKeys + wire.readableValues, 0);
  t.is(wire.outsideMesh, 0);
  t.true(loopback.readableKeys >= report.calls.puts, 'the same search finds every key on loopback');
  t.true(loopback.readableValues >= report.calls.puts, 'and every value');

  t.deepEqual(
    report.attempts.map(({ from, address, outcome }) => `${from} -> ${address}: ${outcome}`),
    [
      'etcd-2 -> 127.0.10.1:2380: answered',
      'client -> 127.0.10.1:2379: answered',
      'client -> 127.0.10.1:2380: denied-caller',
      'stranger -> 127.0.10.1:2379: denied-caller',
      'stranger -> 127.0.10.1:2380: denied-caller',
      'stranger -> 192.0.2.11:2379: connection-refused',
      'stranger -> 192.0.2.11:2380: connection-refused',
    ],
  );
  for (const { outcome, denials } of report.attempts) {
    t.is(denials > 0, outcome === 'denied-caller', 'the metric counts what was denied');
  }
});

for (const signal of ['SIGINT', 'SIGKILL'] as const) {
  testWithEtcd.serial(`nothing is left of the example after ${signal}`, async (t) => {
    t.timeout(240_000);
    const example = runEtcdClusterExample(t, []);
    await example.said('starting a control plane');
    const inside = await eventually('its hosts run programs', () => {
      const processes = example.inside();
      return processes.length > SIDECARS.length ? processes : undefined;
    });
    example.end(signal);
    await eventually('all its processes have ended', () =>
      inside.some(isRunning) ? undefined : true,
    );
    t.is((await example.ended).code, signal === 'SIGKILL' ? signal : 130);
  });
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
