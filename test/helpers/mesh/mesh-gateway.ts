import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { startHauberk, type HauberkProcess } from './hauberk-process.ts';
import type { Mesh } from './mesh.ts';
import { scrape, type MetricSamples } from '../metric-samples.ts';
import type { Scope } from '../scope.ts';

/** A gateway that is ready. */
export interface Gateway {
  readonly process: HauberkProcess;
  /** The path of its file. */
  readonly file: string;
  /** The port of a listener, by its name. */
  port(name: string): Promise<number>;
  /** Puts other listeners into its file. */
  rewrite(listeners: string): Promise<void>;
  metrics(): Promise<MetricSamples>;
}

let started = 0;

/** Starts a gateway with these listeners, in YAML, and waits until it is ready. */
export async function startGateway(
  scope: Scope,
  mesh: Mesh,
  listeners: string,
  args: readonly string[] = [],
  through: readonly string[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<Gateway> {
  started += 1;
  const name = `gateway-${started}`;
  const file = path.join(mesh.directory, `${name}.yaml`);
  const tokenFile = path.join(mesh.directory, `${name}.token`);
  const rewrite = (text: string): Promise<void> => writeFile(file, `listeners:\n${text}`);
  await rewrite(listeners);
  await writeFile(tokenFile, await mesh.token(), { mode: 0o600 });
  const command = [
    'gateway',
    '--service=edge',
    `--config=${file}`,
    `--control-plane=127.0.0.1:${mesh.controlPlane.grpcPort}`,
    `--state-dir=${path.join(mesh.directory, name)}`,
    `--token-file=${tokenFile}`,
    '--metrics-listen=127.0.0.1:0',
    ...args,
  ];
  const process = startHauberk(command, { through, env });
  scope.teardown(() => process.end('SIGKILL'));
  await process.logged('sync-connected');
  await process.logged('ready');
  const metricsPort = await process.port('metrics');
  return {
    process,
    file,
    port: (listener) => process.port(listener),
    rewrite,
    metrics: () => scrape(metricsPort),
  };
}
