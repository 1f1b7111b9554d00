import { freePort } from '../machine/free-port.ts';
import type { HauberkProcess } from './hauberk-process.ts';
import { scrape, type MetricSamples } from '../metric-samples.ts';

/** The control plane's process, on ports that stay the same when it is started again. */
export interface ControlPlane {
  readonly process: HauberkProcess;
  /** False between `kill` and `start`. */
  readonly running: boolean;
  readonly grpcPort: number;
  readonly httpPort: number;
  readonly dataDirectory: string;
  restart(signal?: NodeJS.Signals): Promise<void>;
  kill(): Promise<void>;
  /** @param args what it is started with from now on, beside its ports and its data directory */
  start(args?: readonly string[]): Promise<void>;
  metrics(): Promise<MetricSamples>;
}

/** Starts a control plane on free ports and waits until it serves. */
export async function launchControlPlane(
  start: (args: readonly string[]) => HauberkProcess,
  dataDirectory: string,
  firstArgs: readonly string[],
): Promise<ControlPlane> {
  let args = firstArgs;
  const launch = async (grpcPort: number, httpPort: number) => {
    const process = start([
      'control-plane',
      `--data-dir=${dataDirectory}`,
      `--grpc-listen=127.0.0.1:${grpcPort}`,
      `--http-listen=127.0.0.1:${httpPort}`,
      '--dashboard-listen=off',
      ...args,
    ]);
    return {
      process,
      grpcPort: await process.port('grpc'),
      httpPort: await process.port('http'),
    };
  };
  let current = await launch(await freePort(), await freePort());
  let running = true;
  const { grpcPort, httpPort } = current;
  const self: ControlPlane = {
    get process() {
      return current.process;
    },
    get running() {
      return running;
    },
    grpcPort,
    httpPort,
    dataDirectory,
    async start(next = args) {
      args = next;
      current = await launch(grpcPort, httpPort);
      running = true;
    },
    async kill() {
      running = false;
      await current.process.end('SIGKILL');
    },
    async restart(signal = 'SIGKILL') {
      await current.process.end(signal);
      await self.start();
    },
    metrics: () => scrape(httpPort),
  };
  return self;
}
