import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { connectAdmin, type AdminClient } from '../../cli/admin/client.ts';
import { readAdminCredential } from '../../cli/admin/credential.ts';
import { startProcess, type BenchProcess } from '../lab/bench-process.ts';
import { eventually } from '../lab/deadline.ts';
import { cpuMs, residentBytes } from '../measure/process-usage.ts';

/** What users run: it chooses Node.js and its flags. */
const LAUNCHER = join(import.meta.dirname, '../../cli/hauberk');
const START_DEADLINE_MS = 60_000;
const SNAPSHOT_DEADLINE_MS = 120_000;

/** The control plane of a fleet. */
export interface FleetControlPlane extends AsyncDisposable {
  readonly port: number;
  /** What an operator does; of the process that runs now. */
  readonly operator: AdminClient;
  /** Processor time that it has used since it was started last. */
  cpuMs(): number;
  residentBytes(): number;
  /** What its metrics say. */
  metric(name: string): Promise<number>;
  /** Writes a heap snapshot into the directory for them. */
  writeHeap(): Promise<void>;
  /** Kills it, and starts it again with its data. */
  restart(): Promise<void>;
}

/** What starting it takes. */
export interface FleetControlPlaneOptions {
  readonly directory: string;
  readonly openFiles: number;
  readonly profile: string | undefined;
  /** Where `writeHeap` writes; without it nowhere. */
  readonly heap: string | undefined;
}

/** Starts a control plane. */
export async function startFleetControlPlane(
  options: FleetControlPlaneOptions,
): Promise<FleetControlPlane> {
  const dataDirectory = join(options.directory, 'control-plane');
  let running = await start(options, dataDirectory, 0);
  const { port } = running;
  return {
    port,
    get operator() {
      return running.operator;
    },
    cpuMs: () => cpuMs([running.process.pid]),
    residentBytes: () => residentBytes([running.process.pid]),
    async metric(name) {
      const response = await fetch(`http://127.0.0.1:${running.httpPort}/metrics`);
      const text = await response.text();
      return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1] ?? Number.NaN);
    },
    async writeHeap() {
      const { heap } = options;
      if (heap === undefined) return;
      // Node.js makes none.
      mkdirSync(heap, { recursive: true });
      const written = (): number => readdirSync(heap).length;
      const before = written();
      running.process.signal('SIGUSR2');
      await eventually('the heap snapshot', async () => written() > before, SNAPSHOT_DEADLINE_MS);
      // The file is there before it is whole; the process answers when it is.
      await eventually(
        'the control plane answers again',
        async () => await isReady(running),
        SNAPSHOT_DEADLINE_MS,
      );
    },
    async restart() {
      await running.operator.close();
      running.process.signal('SIGKILL');
      await running.process.ended;
      running = await start(options, dataDirectory, port);
    },
    async [Symbol.asyncDispose]() {
      await running.operator.close();
      await running.process.end();
    },
  };
}

interface Running {
  readonly process: BenchProcess;
  readonly port: number;
  readonly httpPort: number;
  readonly operator: AdminClient;
}

async function start(
  { directory, openFiles, profile, heap }: FleetControlPlaneOptions,
  dataDirectory: string,
  grpcPort: number,
): Promise<Running> {
  const nodeOptions = [
    ...(profile === undefined ? [] : [`--cpu-prof --cpu-prof-dir=${profile}`]),
    ...(heap === undefined ? [] : [`--heapsnapshot-signal=SIGUSR2 --diagnostic-dir=${heap}`]),
  ].join(' ');
  const process = startProcess({
    name: 'control-plane',
    program: LAUNCHER,
    args: [
      'control-plane',
      `--data-dir=${dataDirectory}`,
      `--grpc-listen=127.0.0.1:${grpcPort}`,
      '--http-listen=127.0.0.1:0',
      '--dashboard-listen=127.0.0.1:0',
      '--drain-timeout=1s',
    ],
    env: nodeOptions === '' ? {} : { NODE_OPTIONS: nodeOptions },
    openFiles,
    logFile: join(directory, 'control-plane.log'),
  });
  try {
    const port = await portOf(process, 'grpc');
    const httpPort = await portOf(process, 'http');
    const adminFile = join(dataDirectory, 'admin.pem');
    await eventually(
      'the control plane is ready',
      async () => existsSync(adminFile) && (await isReady({ httpPort })),
      START_DEADLINE_MS,
    );
    const credential = readAdminCredential(adminFile);
    const operator = connectAdmin({ address: { host: '127.0.0.1', port }, credential });
    return { process, port, httpPort, operator };
  } catch (error) {
    await process.end();
    throw error;
  }
}

async function isReady({ httpPort }: Pick<Running, 'httpPort'>): Promise<boolean> {
  return (await fetch(`http://127.0.0.1:${httpPort}/readyz`)).ok;
}

async function portOf(process: BenchProcess, listener: string): Promise<number> {
  const pattern = new RegExp(`"listener":"${listener}".*"port":(\\d+)`);
  const [, port = ''] = await process.line(pattern, START_DEADLINE_MS);
  return Number(port);
}
