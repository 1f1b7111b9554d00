import { runProgram, startProcess, type BenchProcess } from './bench-process.ts';

/** A network namespace with an address on the network of its topology. */
export interface Site {
  readonly address: string;
  /** Words that run the command behind them in it. */
  readonly through: readonly string[];
}

/** Two hosts and the place of their control plane, on one bridge. */
export interface Topology {
  /** What runs here is not measured; the bridge is here too. */
  readonly control: Site;
  readonly caller: Site;
  readonly callee: Site;
  close(): Promise<void>;
}

/** Ends a process with the one that started it. */
const DIE_WITH_US = ['setpriv', '--pdeathsig', 'KILL'] as const;
const HOLD = 'ip link set lo up && echo up && exec sleep infinity';
const NETWORK = '10.77.0';
const SCRIPT_DEADLINE_MS = 30_000;

/**
 * Makes network namespaces, as root.
 *
 *     caller 10.77.0.3 ── veth ── bridge, control 10.77.0.1 ── veth ── callee 10.77.0.2
 *
 * They live as long as a process in each of them, which dies with the bench: nothing is left behind.
 */
export async function startTopology(): Promise<Topology> {
  await using parts = new AsyncDisposableStack();
  const make = async (host: number): Promise<{ readonly pid: number; readonly site: Site }> => {
    const holder = parts.adopt(hold(), (process) => process.end());
    await holder.line(/^up$/);
    const through = ['nsenter', `--net=/proc/${holder.pid}/ns/net`, ...DIE_WITH_US];
    return { pid: holder.pid, site: { address: `${NETWORK}.${host}`, through } };
  };
  const [control, callee, caller] = [await make(1), await make(2), await make(3)];
  await configure(
    control.site,
    `ip link add br0 type bridge
     ip address add ${control.site.address}/24 dev br0
     ip link set br0 up`,
  );
  for (const [at, { pid, site }] of [callee, caller].entries()) {
    await configure(
      control.site,
      `ip link add port${at} type veth peer name eth0 netns ${pid}
       ip link set port${at} master br0 up`,
    );
    await configure(
      site,
      `ip address add ${site.address}/24 dev eth0
       ip link set eth0 up
       ip route add default via ${control.site.address}`,
    );
  }
  const opened = parts.move();
  return {
    control: control.site,
    caller: caller.site,
    callee: callee.site,
    close: () => opened.disposeAsync(),
  };
}

/** Runs a shell script in a namespace, as root. @throws BenchError `program-failed` */
export function configure({ through }: Site, script: string): Promise<string> {
  const command = { name: 'network', program: 'sh', args: ['-ec', script], through };
  return runProgram(command, SCRIPT_DEADLINE_MS);
}

function hold(): BenchProcess {
  const args = ['--net', ...DIE_WITH_US, 'sh', '-c', HOLD];
  return startProcess({ name: 'namespace', program: 'unshare', args });
}
