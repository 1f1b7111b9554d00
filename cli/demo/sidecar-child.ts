import type { Child, ChildProgram } from './child.ts';

/** What the demo knows of one of its sidecars, kept current from its log. */
export interface DemoSidecar {
  readonly child: Child;
  readonly name: string;
  serial: string;
  notAfterMs: number;
  nextRenewalMs: number;
  rotations: number;
  readonly hbonePort: number;
  /** The port that the application calls, where there is one. */
  readonly upstreamPort: number | undefined;
  readonly metricsPort: number;
}

/** The settings of a sidecar of the demo. */
export interface DemoSidecarOptions {
  readonly name: string;
  readonly service: string;
  readonly controlPlanePort: number;
  readonly tokenFile: string;
  readonly stateDirectory: string;
  readonly args: readonly string[];
  readonly start: (name: string, program: ChildProgram) => Child;
}

/** Starts a sidecar and waits until it is ready. */
export async function startSidecar(options: DemoSidecarOptions): Promise<DemoSidecar> {
  const command = [
    'proxy',
    '--namespace=demo',
    `--service=${options.service}`,
    `--control-plane=127.0.0.1:${options.controlPlanePort}`,
    `--token-file=${options.tokenFile}`,
    `--state-dir=${options.stateDirectory}`,
    '--hbone-listen=127.0.0.1:0',
    '--metrics-listen=127.0.0.1:0',
    '--drain-timeout=2s',
    ...options.args,
  ];
  const child = options.start(`sidecar of ${options.name}`, { command });
  const ports = new Map<unknown, number>();
  const held = { serial: '', notAfterMs: 0, nextRenewalMs: 0, rotations: 0 };
  child.onLine((line) => {
    if (line['event'] === 'listening') ports.set(line['listener'], Number(line['port']));
    if (line['event'] === 'renewal-scheduled') {
      held.serial = String(line['serial']);
      held.notAfterMs = Number(line['notAfterMs']);
      held.nextRenewalMs = Number(line['nextRenewalMs']);
    }
    if (line['event'] === 'renewed') held.rotations += 1;
  });
  await child.line(({ event }) => event === 'ready');
  return Object.assign(held, {
    child,
    name: options.name,
    hbonePort: ports.get('hbone') ?? 0,
    upstreamPort: ports.get('upstream'),
    metricsPort: ports.get('metrics') ?? 0,
  });
}
