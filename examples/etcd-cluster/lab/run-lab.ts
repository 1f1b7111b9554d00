import { randomBytes } from 'node:crypto';
import { join, resolve } from 'node:path';
import { tryTheDoors } from './attempts.ts';
import { startCapture, type Canary } from './capture.ts';
import { startEtcd, startMesh } from './cluster.ts';
import { createEtcdctl } from './etcdctl.ts';
import { eventually } from './eventually.ts';
import { createHostProcesses, type HostProcesses } from './host-processes.ts';
import { putAndGet } from './load.ts';
import { BRIDGE, makeHosts } from './network.ts';
import { countRotations, countUnrest } from './observe.ts';
import { judge, type LabReport } from './report.ts';
import { countSeenPuts, startWatch } from './watch.ts';

/** How the example runs. */
export interface LabOptions {
  /** How long to put and get. */
  readonly seconds: number;
  /** Where logs are kept; otherwise they vanish with the rest. */
  readonly logDirectory: string | undefined;
  /** Told what is going on, line by line. */
  readonly progress: (line: string) => void;
}

/** Runs the whole example, in namespaces that this process has for itself. */
export async function runLab(options: LabOptions): Promise<LabReport> {
  const logDirectory = resolve(options.logDirectory ?? '/run/logs');
  makeHosts();
  const processes = createHostProcesses(logDirectory);
  return await Promise.race([tellStory(processes, options), processes.failed]);
}

async function tellStory(
  processes: HostProcesses,
  { seconds, progress }: LabOptions,
): Promise<LabReport> {
  const random = randomBytes(12).toString('hex');
  const canary: Canary = { key: `key-${random}`, value: `value-${random}` };
  const etcdctl = createEtcdctl(processes);
  const wire = await startCapture(undefined, BRIDGE, join('/run', 'wire.pcap'));
  const loopback = await startCapture('etcd-1', 'lo', join('/run', 'loopback.pcap'));

  progress('starting a control plane and five sidecars');
  await startMesh(processes);
  progress('starting three members of etcd');
  await startEtcd(processes, etcdctl);

  const before = await etcdctl.leadership();
  const [rotationsBefore, unrestBefore] = await observe(processes);
  startWatch(processes, canary.key);
  progress(`putting and getting for ${seconds} s while certificates rotate`);
  const load = await putAndGet({ etcdctl, canary, durationMs: seconds * 1000 });
  await eventually('the watch has seen every put', () =>
    Promise.resolve(countSeenPuts(processes) >= load.puts - load.failures.length),
  );
  const [rotationsAfter, unrestAfter] = await observe(processes);
  const after = await etcdctl.leadership();
  const captured = { wire: await wire.end(canary), loopback: await loopback.end(canary) };

  progress('trying what is allowed, and what is not');
  const attempts = await tryTheDoors(processes);
  const facts = {
    seconds,
    calls: load,
    watched: countSeenPuts(processes),
    leader: { before, after },
    unrest: {
      leaderChanges: unrestAfter.leaderChanges - unrestBefore.leaderChanges,
      lostStreams: unrestAfter.lostStreams - unrestBefore.lostStreams,
    },
    rotations: Object.fromEntries(
      Object.entries(rotationsAfter).map(([host, count]) => [
        host,
        count - (rotationsBefore[host] ?? 0),
      ]),
    ),
    ...captured,
    attempts,
  };
  return { ...facts, problems: judge(facts) };
}

function observe(processes: HostProcesses) {
  return Promise.all([countRotations(processes), countUnrest(processes)]);
}
