import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { HostPort } from '../../../common/config/address.ts';
import { eventually, within } from '../deadline.ts';
import { freePort } from '../machine/free-port.ts';
import type { Scope } from '../scope.ts';
import { runEtcdctl, type EtcdFiles } from './etcdctl.ts';

/** A cluster of real processes; what is in it goes away with its scope. */
export interface EtcdCluster {
  /** Of the members, for clients. */
  readonly addresses: readonly HostPort[];
  /** Runs etcdctl at all members; returns what it printed. */
  etcdctl(...args: readonly string[]): Promise<string>;
  /** Which of the members leads now. */
  leader(): Promise<number>;
  /** Ends a member: by SIGKILL, as a loss of power would. */
  kill(member: number): Promise<void>;
  /** Stops a member without ending it, and lets it go on. */
  pause(member: number): void;
  resume(member: number): void;
  /** Starts a member that was killed, with what it has on its disk. */
  start(member: number): void;
  /** Of its process while there is one: a member ends by itself when it cannot write. */
  pid(member: number): number | undefined;
  /** Resolves when a majority answers. */
  ready(): Promise<void>;
}

/** What is different from three words on the command line. */
export interface EtcdClusterOptions {
  readonly members: 1 | 3;
  readonly files?: EtcdFiles;
  /** For `etcdctl`, when the cluster has users. */
  readonly user?: () => string | undefined;
  readonly args?: readonly string[];
  /** On loopback when left out. */
  readonly places?: EtcdPlaces;
  /** A folder for what each member says; nowhere when left out. */
  readonly logs?: string | undefined;
}

/** The network namespaces of a cluster. */
export interface EtcdPlaces {
  readonly members: readonly EtcdPlace[];
  /** Where `etcdctl` runs: a command that runs the command after it. */
  readonly through: readonly string[];
}

/** Where a member runs: its address, and a command that runs the command after it there. */
export interface EtcdPlace {
  readonly address: string;
  readonly through: readonly string[];
}

const LOOPBACK: EtcdPlace = { address: '127.0.0.1', through: [] };

/** Starts the members; resolves when they serve. */
export async function startEtcdCluster(
  scope: Scope,
  { members, files, user, args = [], places, logs }: EtcdClusterOptions,
): Promise<EtcdCluster> {
  const folder = await mkdtemp(join(tmpdir(), 'hauberk-etcd-'));
  const plans: MemberPlan[] = [];
  for (let index = 0; index < members; index += 1) {
    plans.push({
      name: `m${index}`,
      folder: join(folder, `m${index}`),
      place: places?.members[index] ?? LOOPBACK,
      clientPort: await freePort(),
      peerPort: await freePort(),
    });
  }
  const scheme = files === undefined ? 'http' : 'https';
  const cluster = plans.map(
    ({ name, place, peerPort }) => `${name}=http://${place.address}:${peerPort}`,
  );
  const running = new Map<number, ChildProcess>();
  const start = (member: number): void => {
    const plan = plans[member];
    if (plan === undefined) throw new RangeError(`there is no member ${member}`);
    const command = ['etcd', ...memberArgs(plan, scheme, cluster), ...tlsArgs(files), ...args];
    const [program = '', ...rest] = [...plan.place.through, ...command];
    const output = logs === undefined ? 'ignore' : openSync(join(logs, `${plan.name}.log`), 'a');
    const child = spawn(program, rest, { stdio: ['ignore', output, output] });
    if (output !== 'ignore') closeSync(output);
    running.set(member, child);
  };
  const kill = async (member: number): Promise<void> => {
    const child = running.get(member);
    if (child === undefined) return;
    running.delete(member);
    const exited =
      child.exitCode === null && child.signalCode === null ? once(child, 'exit') : undefined;
    child.kill('SIGKILL');
    if (exited !== undefined) await within(`etcd member ${member} ends`, exited);
  };
  const endpoints = plans.map(
    ({ place, clientPort }) => `${scheme}://${place.address}:${clientPort}`,
  );
  const etcdctl: EtcdCluster['etcdctl'] = (...command) =>
    runEtcdctl({ endpoints, files, user: user?.(), through: places?.through ?? [] }, command);
  const ready = async (): Promise<void> => {
    await eventually('etcd answers', () =>
      etcdctl('get', 'is-it-ready').then(
        () => true,
        () => undefined,
      ),
    );
  };
  for (const index of plans.keys()) start(index);
  scope.teardown(async () => {
    await Promise.all([...running.keys()].map(kill));
    await rm(folder, { recursive: true, force: true });
  });
  await ready();
  return {
    addresses: plans.map(({ place, clientPort }) => ({ host: place.address, port: clientPort })),
    etcdctl,
    kill,
    start,
    ready,
    pid(member) {
      const child = running.get(member);
      return child?.exitCode === null && child.signalCode === null ? child.pid : undefined;
    },
    pause: (member) => void running.get(member)?.kill('SIGSTOP'),
    resume: (member) => void running.get(member)?.kill('SIGCONT'),
    leader: () =>
      eventually('etcd has a leader', async () => {
        const answers = await etcdctl('endpoint', 'status', '--write-out=json').catch(() => '[]');
        const all = JSON.parse(answers) as readonly EndpointStatus[];
        const leader = all.find(({ Status }) => Status.leader === Status.header.member_id);
        const index = endpoints.indexOf(leader?.Endpoint ?? '');
        return index < 0 ? undefined : index;
      }),
  };
}

interface MemberPlan {
  readonly name: string;
  readonly folder: string;
  readonly place: EtcdPlace;
  readonly clientPort: number;
  readonly peerPort: number;
}

interface EndpointStatus {
  readonly Endpoint: string;
  readonly Status: { readonly leader: number; readonly header: { readonly member_id: number } };
}

function memberArgs(
  { name, folder, place, clientPort, peerPort }: MemberPlan,
  scheme: string,
  cluster: readonly string[],
): string[] {
  const client = `${scheme}://${place.address}:${clientPort}`;
  const peer = `http://${place.address}:${peerPort}`;
  return [
    `--name=${name}`,
    `--data-dir=${folder}`,
    `--listen-client-urls=${client}`,
    `--advertise-client-urls=${client}`,
    `--listen-peer-urls=${peer}`,
    `--initial-advertise-peer-urls=${peer}`,
    `--initial-cluster=${cluster.join(',')}`,
    '--initial-cluster-state=new',
  ];
}

function tlsArgs(files: EtcdFiles | undefined): string[] {
  if (files === undefined) return [];
  return [
    `--cert-file=${files.serverCert}`,
    `--key-file=${files.serverKey}`,
    `--trusted-ca-file=${files.ca}`,
    '--client-cert-auth',
  ];
}
