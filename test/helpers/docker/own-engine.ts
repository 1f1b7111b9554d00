import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { eventually } from '../deadline.ts';
import type { Scope } from '../scope.ts';
import { endProcess } from './run.ts';

/** What an engine of our own is made from; test:all installs it. */
export const OWN_ENGINE_PROGRAMS = ['dockerd', 'slirp4netns', 'mmdebstrap', 'unshare'] as const;

/** An engine that was started for a test. */
export interface OwnEngine {
  /** For DOCKER_HOST. */
  readonly host: string;
  /** The process of dockerd, by whose namespaces one gets to where the containers are. */
  readonly pid: string;
  /** Everything that it keeps; gone with it. */
  readonly directory: string;
}

/** The process dies with the one that started it. */
const DIE_WITH_US = ['--pdeathsig', 'KILL'] as const;

/** dockerd is the first process of its PID namespace: when it ends, so does everything in there. */
const NAMESPACES = ['--mount', '--net', '--pid', '--fork', '--kill-child', '--mount-proc'] as const;

/** slirp4netns resolves names at this address. */
const DNS = '10.0.2.3';

/**
 * Starts dockerd in network, mount and PID namespaces of its own: its firewall rules, bridges, mounts
 * and containers go away with it, whatever happens, and this machine's network is left alone. It
 * reaches the outside through slirp4netns, for images to be built.
 */
export async function startOwnEngine(scope: Scope): Promise<OwnEngine> {
  const directory = await mkdtemp(join(tmpdir(), 'hauberk-docker-'));
  scope.teardown(() => rm(directory, { recursive: true, force: true }));
  const path = (name: string): string => join(directory, name);
  const host = `unix://${path('socket')}`;
  const log = openSync(path('log'), 'a');
  const start = (...command: readonly string[]): ChildProcess => {
    const child = spawn('setpriv', [...DIE_WITH_US, ...command], { stdio: ['ignore', log, log] });
    scope.teardown(() => endProcess(child));
    return child;
  };
  const engine = start(
    'unshare',
    ...NAMESPACES,
    'sh',
    '-c',
    'ip link set lo up && exec dockerd "$@"',
    'dockerd',
    `--data-root=${path('data')}`,
    `--exec-root=${path('exec')}`,
    `--pidfile=${path('pid')}`,
    `--host=${host}`,
    `--dns=${DNS}`,
    '--log-level=warn',
  );
  closeSync(log);
  scope.teardown(() => stopContainers(host));
  const failed = once(engine, 'exit').then(async () => {
    throw new Error(`dockerd ended:\n${await readFile(path('log'), 'utf8')}`);
  });
  failed.catch(() => {});
  const answering = eventually('dockerd answers', () => {
    const asked = spawnSync('docker', ['--host', host, 'version'], { timeout: 5_000 });
    return asked.status === 0 ? true : undefined;
  });
  await Promise.race([answering, failed]);
  const inside = childOf(engine.pid ?? 0);
  start('slirp4netns', '--configure', '--disable-host-loopback', '--mtu=1500', inside, 'tap0');
  await eventually('slirp4netns has its interface', () =>
    readFileSync(`/proc/${inside}/net/dev`, 'utf8').includes('tap0') ? true : undefined,
  );
  return { host, pid: inside, directory };
}

/** Leaves no control groups behind, which outlive namespaces. */
function stopContainers(host: string): void {
  const docker = (...args: readonly string[]) =>
    spawnSync('docker', ['--host', host, ...args], { encoding: 'utf8', timeout: 30_000 });
  const ids = docker('ps', '--all', '--quiet').stdout.split('\n').filter(Boolean);
  if (ids.length > 0) docker('rm', '--force', '--volumes', ...ids);
}

function childOf(pid: number): string {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ')[0] ?? '';
}
