import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { nodeEnvironment } from '../../../common/process/node-environment.ts';
import { SYSTEM_FOLDERS } from '../../../proxy/interception/apply-ruleset.ts';
import { within } from '../deadline.ts';
import type { Scope } from '../scope.ts';

/** How a command ended. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A network namespace: a host of its own, as far as the network goes. */
export interface Namespace {
  /** A command that runs the command after it in the namespace, as root. */
  readonly through: readonly string[];
  /** Runs a command to its end, as a user who is not root. */
  run(...command: readonly string[]): Promise<Ended>;
  /** Runs a shell script as root; throws when it fails. */
  configure(script: string): Promise<void>;
}

/** A namespace that is on the network. */
export interface Host extends Namespace {
  readonly name: string;
  readonly ipv4: string;
  readonly ipv6: string;
}

/** Hosts on one bridge. */
export interface Network<Name extends string> {
  readonly hosts: Readonly<Record<Name, Host>>;
  /**
   * Where the bridge is: on the network too, and sees everything that goes over it. It has a
   * namespace of its own, since rules of the machine (Docker's) would apply to bridged packets.
   */
  readonly bridge: Namespace;
}

/** Programs of the system are meant, not those that npm puts on the PATH. */
export const SYSTEM_ENV = {
  PATH: SYSTEM_FOLDERS.join(':'),
  LC_ALL: 'C',
  ...nodeEnvironment(process.env),
};

/** Nobody: the application's user. */
const APPLICATION_UID = '1000';

/**
 * Makes a namespace for each name and joins them by a bridge: 10.77.0.1, .2, … and fd77::1, ::2, … in
 * the order of the names.
 *
 * The namespaces live as long as the processes in them, and those die with this one: nothing is left
 * behind, whatever happens.
 */
export async function createNetwork<const Name extends string>(
  scope: Scope,
  names: readonly Name[],
): Promise<Network<Name>> {
  const bridge = await createNamespace(scope);
  await bridge.namespace.configure(`
    ip link add br0 type bridge
    ip addr add 10.77.0.254/24 dev br0
    ip -6 addr add fd77::fe/64 dev br0 nodad
    ip link set br0 up`);
  const hosts = await Promise.all(
    names.map(async (name, at): Promise<readonly [string, Host]> => {
      const { namespace, pid } = await createNamespace(scope);
      const ipv4 = `10.77.0.${at + 1}`;
      const ipv6 = `fd77::${at + 1}`;
      await bridge.namespace.configure(`
        ip link add port${at} type veth peer name eth0 netns ${pid}
        ip link set port${at} master br0 up`);
      await namespace.configure(`
        ip addr add ${ipv4}/24 dev eth0
        ip -6 addr add ${ipv6}/64 dev eth0 nodad
        ip link set eth0 up
        ip route add default via 10.77.0.254`);
      return [name, { ...namespace, name, ipv4, ipv6 }];
    }),
  );
  return { hosts: Object.fromEntries(hosts) as Record<Name, Host>, bridge: bridge.namespace };
}

async function createNamespace(scope: Scope): Promise<{ namespace: Namespace; pid: number }> {
  const init = 'ip link set lo up && echo up && exec sleep infinity';
  const holder = spawn('unshare', ['--net', ...DIE_WITH_US, 'sh', '-c', init], {
    env: SYSTEM_ENV,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  scope.teardown(() => endProcess(holder));
  await within('a network namespace is up', once(holder.stdout, 'data'));
  const pid = holder.pid ?? 0;
  const through = ['nsenter', `--net=/proc/${pid}/ns/net`, ...DIE_WITH_US];
  return {
    pid,
    namespace: {
      through,
      run: (...command) => runCommand([...through, ...asUser(APPLICATION_UID), ...command]),
      async configure(script) {
        const { code, stderr } = await runCommand([...through, 'sh', '-ec', script]);
        if (code !== 0) throw new Error(`this failed with ${code}: ${script}\n${stderr}`);
      },
    },
  };
}

/** The process dies with the one that started it. */
const DIE_WITH_US = ['setpriv', '--pdeathsig', 'KILL'] as const;

/** A command that runs the command after it as that user, with that capability, or with none at all. */
export function asUser(uid: string, capability?: string): readonly string[] {
  const identity = ['--reuid', uid, '--regid', uid, '--clear-groups'];
  const only = capability === undefined ? '-all' : `-all,+${capability}`;
  const ambient = capability === undefined ? [] : [`--ambient-caps=${only}`];
  const nothing = [`--inh-caps=${only}`, ...ambient, `--bounding-set=${only}`, '--no-new-privs'];
  // Changing the user takes back what the parent set.
  return ['setpriv', ...identity, ...nothing, '--pdeathsig', 'KILL'];
}

/** Runs a command to its end. */
export async function runCommand([program = '', ...args]: readonly string[]): Promise<Ended> {
  const child = spawn(program, args, { env: SYSTEM_ENV, stdio: ['ignore', 'pipe', 'pipe'] });
  try {
    const [stdout, stderr, [code]] = await within(
      `\`${args.slice(-4).join(' ')}\` ends`,
      Promise.all([
        child.stdout.setEncoding('utf8').toArray(),
        child.stderr.setEncoding('utf8').toArray(),
        once(child, 'close') as Promise<[number | null]>,
      ]),
    );
    return { code, stdout: stdout.join(''), stderr: stderr.join('') };
  } finally {
    child.kill('SIGKILL');
  }
}

/** Ends a process that nobody waits for any more. */
export async function endProcess(
  child: ChildProcessByStdio<null, Readable, null> | ReturnType<typeof spawn>,
): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const closed = once(child, 'close');
  child.kill('SIGKILL');
  await closed;
}
