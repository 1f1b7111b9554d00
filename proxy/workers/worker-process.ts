import cluster, { type Worker } from 'node:cluster';
import { ignoreError } from '../../common/ignored.ts';
import { ownProgram } from '../../common/process/own-program.ts';
import type { FromWorker, ToWorker } from './messages.ts';

/** The other end of a channel to a worker. */
export interface WorkerProcess {
  readonly pid: number;
  /** Says something to a worker; one that has ended does not hear it. */
  send(message: ToWorker): void;
  /** Ends it at once. */
  kill(): void;
  /** Resolves when it has ended, with how, as the end of a sentence. */
  readonly ended: Promise<string>;
}

/**
 * Starts a worker. What it listens on without `shared` is opened by this process, which deals the
 * connections out one by one: that is meant for tunnels, which are few and live long.
 */
export function forkWorker(onMessage: (message: FromWorker) => void): WorkerProcess {
  cluster.schedulingPolicy = cluster.SCHED_RR;
  const { execArgv, entry } = ownProgram('proxy/workers/main.ts');
  const [exec, ...args] = entry;
  // Structured clones: DER stays bytes.
  cluster.setupPrimary({ execArgv: [...execArgv], exec, args, serialization: 'advanced' });
  // The rest of the environment is inherited.
  const worker: Worker = cluster.fork({ HAUBERK_TOKEN: undefined });
  const { promise: ended, resolve } = Promise.withResolvers<string>();
  worker.on('message', onMessage);
  worker.on('exit', (code: number | null, signal: NodeJS.Signals | null) => {
    resolve(signal === null ? `with code ${code}` : `by ${signal}`);
  });
  // A worker that could not be started has no process that exits.
  worker.on('error', (error) => {
    if (worker.process.pid === undefined) resolve(`before it began: ${error.message}`);
  });
  return {
    pid: worker.process.pid ?? 0,
    send(message) {
      // One that is ending may have closed its end; `ended` tells.
      if (worker.isConnected()) worker.send(message, ignoreError);
    },
    kill: () => void worker.process.kill('SIGKILL'),
    ended,
  };
}
