import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { LabReport } from '../../../examples/etcd-cluster/lab/report.ts';
import { within } from '../deadline.ts';
import type { Scope } from '../scope.ts';

const RUN = fileURLToPath(new URL('../../../examples/etcd-cluster/run.sh', import.meta.url));
const COMPILE_CACHE = fileURLToPath(
  new URL('../../../node_modules/.cache/compile', import.meta.url),
);

/** The example's one command, running. */
export interface EtcdClusterExample {
  /** Resolves when it has said this on its standard error. */
  said(text: string): Promise<void>;
  /** The processes in its namespaces now, by their numbers out here; none before it has made them. */
  inside(): number[];
  end(signal: NodeJS.Signals): void;
  /** Resolves with its exit code, or the signal that has ended it, and what it printed. */
  readonly ended: Promise<{
    readonly code: number | NodeJS.Signals;
    readonly stdout: string;
    readonly stderr: string;
  }>;
}

/** Runs the example as a person does. */
export function runEtcdClusterExample(scope: Scope, args: readonly string[]): EtcdClusterExample {
  const env = { PATH: process.env['PATH'], NODE_COMPILE_CACHE: COMPILE_CACHE };
  const child = spawn(RUN, args, { env, stdio: ['ignore', 'pipe', 'pipe'] });
  scope.teardown(() => child.kill('SIGTERM'));
  const output = { stdout: '', stderr: '' };
  const listeners = new Set<() => void>();
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      output[name] += text;
      for (const notify of listeners) notify();
    });
  }
  const ended = once(child, 'close').then(([code, signal]) => ({
    code: (signal ?? code) as number | NodeJS.Signals,
    ...output,
  }));
  return {
    async said(text) {
      const { promise, resolve, reject } = Promise.withResolvers<void>();
      const notify = (): void => {
        if (output.stderr.includes(text)) resolve();
      };
      listeners.add(notify);
      notify();
      void ended.then(() => reject(new Error(`it ended before it said ${text}: ${output.stderr}`)));
      await within(`the example says ${text}`, promise, 60_000);
    },
    inside: () => processesInside(child.pid ?? 0),
    end: (signal) => void child.kill(signal),
    ended,
  };
}

/** Reads the report that the example prints with `--json`. */
export function readReport(stdout: string): LabReport {
  return JSON.parse(stdout) as LabReport;
}

/** The example runs `unshare`, whose only child is process 1 of the namespaces. */
function processesInside(pid: number): number[] {
  const first = childrenOf(pid).flatMap(childrenOf)[0];
  const namespace = first === undefined ? undefined : pidNamespaceOf(first);
  if (namespace === undefined || namespace === pidNamespaceOf(process.pid)) return [];
  const all = readdirSync('/proc').map(Number).filter(Number.isInteger);
  return all.filter((one) => pidNamespaceOf(one) === namespace);
}

function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    .split(' ')
    .filter(Boolean)
    .map(Number);
}

function pidNamespaceOf(pid: number): string | undefined {
  try {
    return readlinkSync(`/proc/${pid}/ns/pid`);
  } catch {
    // It has ended meanwhile.
    return undefined;
  }
}
