import type { HauberkProcess } from './hauberk-process.ts';
import { scrape, type MetricSamples } from '../metric-samples.ts';

/** What a sidecar of a test is given; ports are free ones unless they are named. */
export interface SidecarOptions {
  readonly service: string;
  readonly namespace?: string;
  /** `service:port` or `service.namespace:port`; each gets a local port. */
  readonly upstreams?: readonly string[];
  /** The local ports of `upstreams`, in their order. */
  readonly upstreamPorts?: readonly number[];
  /** `port=host:port`, as in `--expose`. */
  readonly expose?: readonly string[];
  readonly hbonePort?: number;
  /** A token to use instead of the one of the namespace; empty for none. */
  readonly token?: string;
  /** Defaults to a directory of its own. */
  readonly stateDirectory?: string;
  readonly args?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** A command that runs the command after it. */
  readonly through?: readonly string[];
}

/** A sidecar that is ready. */
export interface Sidecar {
  readonly process: HauberkProcess;
  /** What it was started with. */
  readonly options: SidecarOptions;
  readonly stateDirectory: string;
  readonly hbonePort: number;
  readonly metricsPort: number;
  /** The local ports of `upstreams`, in their order. */
  readonly upstreamPorts: readonly number[];
  metrics(): Promise<MetricSamples>;
}

/** The command line of a sidecar, but for its token. */
export function sidecarArguments(
  options: SidecarOptions & { readonly stateDirectory: string },
  controlPlane: string,
): string[] {
  const { service, namespace = 'default', upstreams = [], expose = [], args = [] } = options;
  const { upstreamPorts = [], hbonePort = 0, stateDirectory } = options;
  const listeners = upstreams.map((name, at) => `127.0.0.1:${upstreamPorts[at] ?? 0}=${name}`);
  return [
    'proxy',
    `--service=${service}`,
    `--namespace=${namespace}`,
    `--control-plane=${controlPlane}`,
    `--state-dir=${stateDirectory}`,
    `--hbone-listen=127.0.0.1:${hbonePort}`,
    '--metrics-listen=127.0.0.1:0',
    ...listeners.flatMap((listener) => ['--upstream', listener]),
    ...expose.flatMap((port) => ['--expose', port]),
    ...args,
  ];
}

/** Waits until the sidecar is ready and finds its ports. */
export async function watchSidecar(
  process: HauberkProcess,
  options: SidecarOptions & { readonly stateDirectory: string },
): Promise<Sidecar> {
  await process.logged('ready');
  const metricsPort = await process.port('metrics');
  // Each worker says where it listens, which is the same place.
  const upstreamPorts = [
    ...new Set(
      process.log
        .filter((line) => line.event === 'listening' && line['listener'] === 'upstream')
        .map((line) => Number(line['port'])),
    ),
  ];
  return {
    process,
    options,
    stateDirectory: options.stateDirectory,
    hbonePort: await process.port('hbone'),
    metricsPort,
    upstreamPorts,
    metrics: () => scrape(metricsPort),
  };
}
