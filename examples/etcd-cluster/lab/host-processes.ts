import { execFile, spawn } from 'node:child_process';
import { mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { LabError } from './lab-error.ts';
import { directoryOf, type HostName } from './network.ts';

/** How a program ended, and what it said. */
export interface Ended {
  /** 0 when all is well; undefined when it was ended by a signal or not found. */
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs programs on the hosts. */
export interface HostProcesses {
  /** Starts a program that is to run until the end; its log is `<host>-<name>.log`. */
  start(host: HostName, name: string, command: readonly string[]): void;
  /** Runs a program to its end. */
  run(host: HostName, command: readonly string[]): Promise<Ended>;
  /** What a started program has written so far. */
  logOf(host: HostName, name: string): string;
  /** Rejects when a started program has ended. */
  readonly failed: Promise<never>;
}

/** Last lines of a log that say why its program has ended. */
const LAST_LINES = 5;

/** Programs on hosts: each in the network namespace and the directory of its host. */
export function createHostProcesses(logDirectory: string): HostProcesses {
  mkdirSync(logDirectory, { recursive: true });
  const failure = Promise.withResolvers<never>();
  const logFile = (host: HostName, name: string): string =>
    join(logDirectory, `${host}-${name}.log`);
  const logOf = (host: HostName, name: string): string => readFileSync(logFile(host, name), 'utf8');
  return {
    start(host, name, command) {
      const log = openSync(logFile(host, name), 'w');
      const child = spawn('ip', ['netns', 'exec', host, ...command], {
        cwd: directoryOf(host),
        stdio: ['ignore', log, log],
      });
      child.once('exit', () => {
        const last = logOf(host, name).trimEnd().split('\n').slice(-LAST_LINES);
        failure.reject(new LabError(`${name} on ${host} has ended:\n${last.join('\n')}`));
      });
    },
    run(host, command) {
      const { promise, resolve } = Promise.withResolvers<Ended>();
      const args = ['netns', 'exec', host, ...command];
      execFile('ip', args, { cwd: directoryOf(host) }, (error, stdout, stderr) => {
        const code = error === null ? 0 : error.code;
        resolve({ code: typeof code === 'number' ? code : undefined, stdout, stderr });
      });
      return promise;
    },
    logOf,
    failed: failure.promise,
  };
}
