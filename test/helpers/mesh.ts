import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { ExecutionContext } from 'ava';
import { runHauberk, startHauberk, type HauberkProcess } from './hauberk-process.ts';
import { parseMetrics, type MetricSamples } from './metric-samples.ts';

/** A control plane in a process of its own, and the sidecars that were started with it. */
export interface Mesh {
  readonly directory: string;
  readonly controlPlane: ControlPlane;
  /** Starts a sidecar and waits until it is ready. */
  sidecar(options: SidecarOptions): Promise<Sidecar>;
  /** Starts a sidecar that is not expected to become ready. */
  launch(options: SidecarOptions): Promise<HauberkProcess>;
  /** Makes a join token. */
  token(options?: readonly string[]): Promise<string>;
  /** Runs a command of the operator. */
  admin(args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }>;
}

/** The control plane's process, on ports that stay the same when it is started again. */
export interface ControlPlane {
  readonly process: HauberkProcess;
  readonly grpcPort: number;
  readonly httpPort: number;
  readonly dataDirectory: string;
  restart(signal?: NodeJS.Signals): Promise<void>;
  kill(): Promise<void>;
  start(): Promise<void>;
  metrics(): Promise<MetricSamples>;
}

/** What a sidecar of a test is given; ports are free ones unless they are named. */
export interface SidecarOptions {
  readonly service: string;
  readonly namespace?: string;
  /** `service:port` or `service.namespace:port`; each gets a free local port. */
  readonly upstreams?: readonly string[];
  /** `port=host:port`, as in `--expose`. */
  readonly expose?: readonly string[];
  /** A token to use instead of a fresh one; empty for none. */
  readonly token?: string;
  /** Defaults to a directory of its own. */
  readonly stateDirectory?: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** A sidecar that is ready. */
export interface Sidecar {
  readonly process: HauberkProcess;
  readonly stateDirectory: string;
  readonly hbonePort: number;
  readonly metricsPort: number;
  /** The local ports of `upstreams`, in their order. */
  readonly upstreamPorts: readonly number[];
  metrics(): Promise<MetricSamples>;
}

/** What differs from a mesh with everything at its default. */
export interface MeshOptions {
  readonly leafLifetimeSeconds?: number;
  readonly controlPlaneArgs?: readonly string[];
}

/** Starts a control plane for one test; everything ends with the test. */
export async function startMesh(
  t: ExecutionContext,
  { leafLifetimeSeconds = 3600, controlPlaneArgs = [] }: MeshOptions = {},
): Promise<Mesh> {
  const directory = await mkdtemp(path.join(tmpdir(), 'hauberk-test-'));
  const dataDirectory = path.join(directory, 'control-plane');
  const processes: HauberkProcess[] = [];
  t.teardown(async () => {
    await Promise.all(processes.map((process) => process.end('SIGKILL')));
    await rm(directory, { recursive: true, force: true });
  });
  const track = (process: HauberkProcess): HauberkProcess => {
    processes.push(process);
    return process;
  };

  const launchControlPlane = async (grpcPort: number, httpPort: number) => {
    const process = track(
      startHauberk([
        'control-plane',
        `--data-dir=${dataDirectory}`,
        `--grpc-listen=127.0.0.1:${grpcPort}`,
        `--http-listen=127.0.0.1:${httpPort}`,
        `--leaf-lifetime-seconds=${leafLifetimeSeconds}`,
        ...controlPlaneArgs,
      ]),
    );
    return {
      process,
      grpcPort: await portOf(process, 'grpc'),
      httpPort: await portOf(process, 'http'),
    };
  };
  let current = await launchControlPlane(0, 0);
  const { grpcPort, httpPort } = current;
  const controlPlane: ControlPlane = {
    get process() {
      return current.process;
    },
    grpcPort,
    httpPort,
    dataDirectory,
    async start() {
      current = await launchControlPlane(grpcPort, httpPort);
    },
    async kill() {
      await current.process.end('SIGKILL');
    },
    async restart(signal = 'SIGKILL') {
      await current.process.end(signal);
      await controlPlane.start();
    },
    metrics: () => scrape(httpPort),
  };

  const admin: Mesh['admin'] = (args) =>
    runHauberk([
      ...args,
      `--control-plane=127.0.0.1:${grpcPort}`,
      `--admin=${path.join(dataDirectory, 'admin.pem')}`,
    ]);
  const token: Mesh['token'] = async (options = ['--namespace', 'default']) => {
    const { code, stdout, stderr } = await admin(['token', 'create', ...options]);
    if (code !== 0) throw new Error(`token create failed with ${code}: ${stderr}`);
    return stdout.trim();
  };

  let started = 0;
  const launchSidecar = async (options: SidecarOptions) => {
    const { service, namespace = 'default', upstreams = [], expose = [], args = [] } = options;
    started += 1;
    const name = `${service}-${started}`;
    const stateDirectory = options.stateDirectory ?? path.join(directory, name);
    const tokenFile = path.join(directory, `${name}.token`);
    const secret = options.token ?? (await token(['--namespace', namespace]));
    if (secret !== '') await writeFile(tokenFile, secret, { mode: 0o600 });
    const process = track(
      startHauberk(
        [
          'proxy',
          `--service=${service}`,
          `--namespace=${namespace}`,
          `--control-plane=127.0.0.1:${grpcPort}`,
          `--state-dir=${stateDirectory}`,
          '--hbone-listen=127.0.0.1:0',
          '--metrics-listen=127.0.0.1:0',
          ...(secret === '' ? [] : ['--token-file', tokenFile]),
          ...upstreams.flatMap((upstream) => ['--upstream', `127.0.0.1:0=${upstream}`]),
          ...expose.flatMap((port) => ['--expose', port]),
          ...args,
        ],
        options.env === undefined ? {} : { env: options.env },
      ),
    );
    return { process, stateDirectory };
  };

  return {
    directory,
    controlPlane,
    admin,
    token,
    launch: async (options) => (await launchSidecar(options)).process,
    async sidecar(options) {
      const { process, stateDirectory } = await launchSidecar(options);
      await process.logged('ready');
      const metricsPort = await portOf(process, 'metrics');
      const upstreamPorts = process.log
        .filter((line) => line.event === 'listening' && line['name'] === 'upstream')
        .map((line) => Number(line['port']));
      return {
        process,
        stateDirectory,
        hbonePort: await portOf(process, 'hbone'),
        metricsPort,
        upstreamPorts,
        metrics: () => scrape(metricsPort),
      };
    },
  };
}

async function portOf(process: HauberkProcess, name: string): Promise<number> {
  const line = await process.logged('listening', (candidate) => candidate['name'] === name);
  return Number(line['port']);
}

async function scrape(port: number): Promise<MetricSamples> {
  const response = await fetch(`http://127.0.0.1:${port}/metrics`);
  return parseMetrics(await response.text());
}
