import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { eventually } from '../deadline.ts';
import { freePort } from '../machine/free-port.ts';
import type { Scope } from '../scope.ts';
import { temporaryDirectory } from '../machine/temporary-directory.ts';

const OPERATIONS = path.join(import.meta.dirname, '../../../docs/operations');

/** One series of an answer. */
export interface Series {
  readonly metric: Readonly<Record<string, string>>;
  /** Of an instant query: seconds, and the value as text. */
  readonly value: readonly [number, string];
}

/** What Prometheus scrapes. */
export interface ActiveTarget {
  readonly labels: Readonly<Record<string, string>>;
  readonly scrapeUrl: string;
  readonly health: 'up' | 'down' | 'unknown';
}

/** An alert that is pending or fires. */
export interface Alert {
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
  readonly state: string;
}

/** The machine's Prometheus. */
export interface Prometheus {
  readonly origin: string;
  /** Answers of an instant query. @throws Error for a query that is refused, with what Prometheus says */
  query(expression: string): Promise<readonly Series[]>;
  alerts(): Promise<readonly Alert[]>;
  targets(): Promise<readonly ActiveTarget[]>;
  end(): Promise<void>;
}

/**
 * Starts Prometheus with docs/operations/prometheus.yml and our rules as they are shipped, but for intervals, how long
 * something has to last, and the address of the control plane.
 *
 * @param controlPlane HOST:PORT of its metrics
 * @param port to listen on, where a program was told of it before; otherwise a free one
 */
export async function startShippedPrometheus(
  scope: Scope,
  controlPlane: string,
  port?: number,
): Promise<Prometheus> {
  const shipped = await readFile(path.join(OPERATIONS, 'prometheus.yml'), 'utf8');
  const config = shipped
    .replaceAll(/_interval: \w+/g, '_interval: 500ms')
    .replaceAll('control.example:15014', controlPlane);
  return await startPrometheus(scope, config, port);
}

/** Starts Prometheus with a configuration, and beside it our rules as `prometheus-rules.yml`. */
async function startPrometheus(scope: Scope, config: string, port?: number): Promise<Prometheus> {
  const directory = await temporaryDirectory();
  const rules = await readFile(path.join(OPERATIONS, 'prometheus-rules.yml'), 'utf8');
  const quick = rules.replaceAll(/for: \w+/g, 'for: 1s');
  await writeFile(path.join(directory.path, 'prometheus-rules.yml'), quick);
  await writeFile(path.join(directory.path, 'prometheus.yml'), config);
  const origin = `http://127.0.0.1:${port ?? (await freePort())}`;
  const args = [
    `--config.file=${path.join(directory.path, 'prometheus.yml')}`,
    `--storage.tsdb.path=${path.join(directory.path, 'data')}`,
    `--web.listen-address=${origin.slice('http://'.length)}`,
  ];
  const prometheus = spawn('prometheus', args, { stdio: 'ignore' });
  const ended = once(prometheus, 'close');
  const end = async (): Promise<void> => {
    prometheus.kill('SIGKILL');
    await ended;
  };
  scope.teardown(async () => {
    await end();
    await directory[Symbol.asyncDispose]();
  });
  const ask = async (question: string): Promise<unknown> => {
    const response = await fetch(`${origin}/api/v1/${question}`);
    const { data, error } = (await response.json()) as { data?: unknown; error?: string };
    if (error !== undefined) throw new Error(`Prometheus refuses ${question}: ${error}`);
    return data;
  };
  await eventually('Prometheus is ready', async () => {
    const ready = await fetch(`${origin}/-/ready`).catch(() => undefined);
    return ready?.ok === true ? true : undefined;
  });
  return {
    origin,
    async query(expression) {
      const data = await ask(`query?query=${encodeURIComponent(expression)}`);
      return (data as { readonly result: readonly Series[] }).result;
    },
    alerts: async () => ((await ask('alerts')) as { readonly alerts: Alert[] }).alerts,
    targets: async () =>
      ((await ask('targets?state=active')) as { readonly activeTargets: ActiveTarget[] })
        .activeTargets,
    end,
  };
}
