import { appendFileSync, mkdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { eventually } from '../../helpers/deadline.ts';
import type { EtcdCluster } from '../../helpers/etcd/etcd-cluster.ts';
import { startSecuredEtcd } from '../../helpers/etcd/secured-etcd.ts';
import { runHauberk, startHauberk } from '../../helpers/mesh/hauberk-process.ts';
import { movableClock, type MovableClock } from '../../helpers/movable-clock/movable-clock.ts';
import { createNetwork, type Host, type Network } from '../../helpers/netns/network.ts';
import type { Scope } from '../../helpers/scope.ts';
import {
  applicationOf,
  CONTROL_PLANES,
  ETCD_MEMBERS,
  HOSTS,
  MESHED,
  OUTCAST,
  RECORDERS,
  serviceOf,
  type HostName,
} from '../plan/cast.ts';
import { keepMember } from './etcd-member.ts';
import { keepProcess, type Launched, type MeshProcess } from './kept-process.ts';
import { startObserver, type Observer } from './observer.ts';
import { startProgram } from './program.ts';
import { mountStateDisk } from './state-disk.ts';

/** Everything that runs, and how to get at it. */
export interface Mesh {
  readonly network: Network<HostName>;
  readonly cluster: EtcdCluster;
  readonly observer: Observer;
  process(name: string): MeshProcess;
  /** Adds a process that is kept. */
  keep(name: string, launch: () => Launched): void;
  host(name: string): Host;
  /** The state directory of a sidecar, or the data directory of a control plane; on a disk of its own. */
  stateDirectory(name: string): string;
  clock(name: string): MovableClock;
  /** Where the recorder of a host records. */
  recordFile(host: string): string;
  /** Runs a command of the operator. */
  operate(
    command: readonly string[],
    deadlineMs?: number,
  ): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }>;
}

/** What a mesh is told. */
export interface MeshSettings {
  /** For everything that it writes; a new folder. */
  readonly directory: string;
  /** What the payloads of its applications carry, and nothing else. */
  readonly marker: string;
  /** A folder for what its processes say. */
  readonly logs: string | undefined;
  /** A process has ended by itself. */
  readonly onExit: (name: string, how: string) => void;
}

/** Short, so that there are renewals all the time; long enough that a round does not outlast a certificate. */
export const CERTIFICATE_LIFETIME_SECONDS = 60;

const NAMESPACE = 'shop';
const UPSTREAMS = ['127.0.0.1:9001=orders:8080', '127.0.0.1:9002=vault:8080'];
const POLICY = `authorization:
  allow: mesh
  namespace: ${NAMESPACE}
  rules:
    - name: vault
      action: allow
      from: [web]
      to: [vault]
    - name: not-the-intruder
      action: deny
      from: [intruder]
      to: [vault]
`;

/** Starts everything but the load; resolves when all sidecars are ready and the policy is in force. */
export async function startMesh(scope: Scope, settings: MeshSettings): Promise<Mesh> {
  const { directory, marker, logs, onExit } = settings;
  if (logs !== undefined) mkdirSync(logs, { recursive: true });
  const network = await createNetwork(scope, HOSTS);
  const host = (name: string): Host => found(network.hosts, name);
  const observer = await startObserver(scope, network.hosts.observer);
  const places = {
    through: network.hosts.observer.through,
    members: ETCD_MEMBERS.map((name) => ({
      address: host(name).ipv4,
      through: host(name).through,
    })),
  };
  const etcd = await startSecuredEtcd(scope, { members: 3, places, logs });
  const { cluster } = etcd;

  const processes = new Map<string, MeshProcess>();
  const clocks: Record<string, MovableClock> = {};
  const stateDirectory = (name: string): string => join(directory, 'state', name);
  const recordFile = (name: string): string => join(directory, `${name}.record`);
  const onOutput = (name: string, output: string): void => {
    if (logs === undefined) return;
    appendFileSync(join(logs, `${name}.log`), output);
  };
  const keep = (name: string, launch: () => Launched): void => {
    const kept = keepProcess({ name, launch, onExit, onOutput });
    scope.teardown(kept.end);
    processes.set(name, kept);
  };
  const keepHauberk = async (name: string, args: readonly string[]): Promise<void> => {
    const clock = await movableClock(scope);
    clocks[name] = clock;
    await mountStateDisk(stateDirectory(name));
    keep(name, () => startHauberk(args, { through: host(name).through, env: clock.env }));
  };

  for (const [member, name] of ETCD_MEMBERS.entries()) {
    processes.set(name, keepMember(scope, { name, cluster, member }, onExit));
  }
  for (const name of CONTROL_PLANES) {
    await keepHauberk(name, [
      'control-plane',
      `--data-dir=${stateDirectory(name)}`,
      `--grpc-listen=${host(name).ipv4}:15012`,
      `--http-listen=${host(name).ipv4}:15014`,
      ...etcd.store,
      ...etcd.unlock,
      '--issue-without-store',
      `--certificate-lifetime=${CERTIFICATE_LIFETIME_SECONDS}s`,
    ]);
  }
  const isReady = (name: string, url: string): Promise<true> =>
    eventually(
      `${name} is ready`,
      async () => ((await observer.get(url)).status === '200' ? true : undefined),
      START_DEADLINE_MS,
    );
  const controlPlanes = CONTROL_PLANES.map((name) => `${host(name).ipv4}:15012`).join(',');
  const operate: Mesh['operate'] = (command, deadlineMs = 45_000) => {
    const admin = `--admin=${join(stateDirectory(CONTROL_PLANES[0]), 'admin.pem')}`;
    const args = [...command, `--control-plane=${controlPlanes}`, admin];
    return runHauberk(args, { through: network.hosts.observer.through, deadlineMs });
  };
  const mustOperate = async (...command: string[]): Promise<string> => {
    const { code, stdout, stderr } = await operate(command);
    if (code !== 0) throw new Error(`hauberk ${command.join(' ')} failed with ${code}: ${stderr}`);
    return stdout;
  };
  await Promise.all(
    CONTROL_PLANES.map((name) => isReady(name, `http://${host(name).ipv4}:15014/readyz`)),
  );
  const tokenFile = join(directory, 'token');
  await writeFile(
    tokenFile,
    await mustOperate('token', 'create', `--namespace=${NAMESPACE}`, '--uses=0'),
  );
  const policyFile = join(directory, 'mesh.yaml');
  await writeFile(policyFile, POLICY);
  await mustOperate('apply', '-f', policyFile);

  for (const name of [...MESHED, OUTCAST]) {
    const records = RECORDERS.some((recorder) => recorder === name);
    if (records) {
      const recorder = ['recorder', recordFile(name), '8080', marker] as const;
      keep(applicationOf(name), () => startProgram(host(name), recorder));
    }
    await keepHauberk(name, [
      'proxy',
      `--namespace=${NAMESPACE}`,
      `--service=${serviceOf(name)}`,
      `--control-plane=${controlPlanes}`,
      `--token-file=${tokenFile}`,
      `--state-dir=${stateDirectory(name)}`,
      ...(records ? ['--expose=8080'] : UPSTREAMS.map((upstream) => `--upstream=${upstream}`)),
      ...(name === WITH_WORKERS ? ['--workers=2'] : []),
    ]);
  }
  await Promise.all([...MESHED, OUTCAST].map((name) => isReady(name, readinessOf(host(name)))));
  return {
    network,
    cluster,
    observer,
    host,
    stateDirectory,
    recordFile,
    operate,
    keep,
    clock: (name) => found(clocks, name),
    process(name) {
      const process = processes.get(name);
      if (process === undefined) throw new RangeError(`there is no process ${name}`);
      return process;
    },
  };
}

/** One of the sidecars has workers, as on a host with more cores. */
const WITH_WORKERS = 'orders-1';

/** A dozen processes start at once, on machines with two cores. */
const START_DEADLINE_MS = 120_000;

/** Where a sidecar says whether it is ready. */
export function readinessOf(host: Host): string {
  return `http://${host.ipv4}:15020/healthz/ready`;
}

function found<T>(all: Readonly<Record<string, T>>, name: string): T {
  const one = all[name];
  if (one === undefined) throw new RangeError(`there is no ${name}`);
  return one;
}
