import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { HostPort } from '../../../common/config/address.ts';
import { eventually, within } from '../deadline.ts';
import { freePort } from '../free-port.ts';
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
}

/** Starts the members; resolves when they serve. */
export async function startEtcdCluster(
  scope: Scope,
  { members, files, user, args = [] }: EtcdClusterOptions,
): Promise<EtcdCluster> {
  const folder = await mkdtemp(join(tmpdir(), 'hauberk-etcd-'));
  const plans: MemberPlan[] = [];
  for (let index = 0; index < members; index += 1) {
    plans.push({
      name: `m${index}`,
      folder: join(folder, `m${index}`),
      clientPort: await freePort(),
      peerPort: await freePort(),
    });
  }
  const scheme = files === undefined ? 'http' : 'https';
  const cluster = plans.map(({ name, peerPort }) => `${name}=http://127.0.0.1:${peerPort}`);
  const running = new Map<number, ChildProcess>();
  const start = (member: number): void => {
    const plan = plans[member];
    if (plan === undefined) throw new RangeError(`there is no member ${member}`);
    const child = spawn(
      'etcd',
      [...memberArgs(plan, scheme, cluster), ...tlsArgs(files), ...args],
      {
        stdio: 'ignore',
      },
    );
    running.set(member, child);
  };
  const kill = async (member: number): Promise<void> => {
    const child = running.get(member);
    if (child === undefined) return;
    running.delete(member);
    const exited = child.exitCode === null ? once(child, 'exit') : undefined;
    child.kill('SIGKILL');
    if (exited !== undefined) await within(`etcd member ${member} ends`, exited);
  };
  const endpoints = plans.map(({ clientPort }) => `${scheme}://127.0.0.1:${clientPort}`);
  const etcdctl: EtcdCluster['etcdctl'] = (...command) =>
    runEtcdctl({ endpoints, files, user: user?.() }, command);
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
    addresses: plans.map(({ clientPort }) => ({ host: '127.0.0.1', port: clientPort })),
    etcdctl,
    kill,
    start,
    ready,
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
  readonly clientPort: number;
  readonly peerPort: number;
}

interface EndpointStatus {
  readonly Endpoint: string;
  readonly Status: { readonly leader: number; readonly header: { readonly member_id: number } };
}

function memberArgs(
  { name, folder, clientPort, peerPort }: MemberPlan,
  scheme: string,
  cluster: readonly string[],
): string[] {
  const client = `${scheme}://127.0.0.1:${clientPort}`;
  const peer = `http://127.0.0.1:${peerPort}`;
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
