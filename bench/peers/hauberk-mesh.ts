import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  runProgram,
  startProcess,
  type BenchCommand,
  type BenchProcess,
} from '../lab/bench-process.ts';
import { CALLEE_NAME, TRUST_DOMAIN } from '../lab/certificates.ts';
import type { HauberkOptions, PeerContext } from './peer.ts';
import { startSimulatedServices } from './simulated-services.ts';

/** What users run: it chooses Node.js and its flags. */
const LAUNCHER = join(import.meta.dirname, '../../cli/hauberk');
const COMMAND_DEADLINE_MS = 30_000;
const NAMESPACE = 'bench';
const LOOPBACK = { address: '127.0.0.1', through: [] } as const;

/** A control plane, which is not measured, and how its members are started. */
export interface HauberkMesh {
  /** A command of `hauberk` as a member with this name, under the profiler where that is wanted. */
  member(name: string, command: string, args: readonly string[]): BenchCommand;
  /** The sidecar of the application, which exposes these ports of it. */
  callee(exposed: Readonly<Record<number, number>>): BenchCommand;
  /** Puts a configuration of the mesh in force. */
  apply(config: string): Promise<void>;
  /** Registers services with these names besides, as if each had a sidecar. */
  register(names: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

/** Starts a control plane. */
export async function startHauberkMesh(context: PeerContext): Promise<HauberkMesh> {
  const { ports, hauberk: options, program } = context;
  const controlPlane = await startControlPlane(context);
  const member: HauberkMesh['member'] = (name, command, args) =>
    hauberkCommand(
      name,
      [command, ...controlPlane.memberArgs(name), ...args, ...extraArgs(options)],
      {
        nodeArgs: profilerArgs(name, options),
        program,
      },
    );
  return {
    member,
    callee: (exposed) =>
      member('callee', 'proxy', [
        `--service=${CALLEE_NAME}`,
        `--metrics-listen=127.0.0.1:${ports.calleeMetrics}`,
        `--hbone-listen=127.0.0.1:${ports.tls}`,
        ...Object.entries(exposed).map(([port, local]) => `--expose=${port}=127.0.0.1:${local}`),
      ]),
    apply: controlPlane.apply,
    register: controlPlane.register,
    close: controlPlane.close,
  };
}

function extraArgs({ workers, accessLog = false, httpMetrics }: HauberkOptions): string[] {
  return [
    ...(workers === undefined ? [] : [`--workers=${workers}`]),
    ...(accessLog ? ['--access-log'] : []),
    ...(httpMetrics === undefined ? [] : [`--http-metrics=${httpMetrics}`]),
  ];
}

function profilerArgs(name: string, { profileDirectory }: HauberkOptions): string[] {
  if (profileDirectory === undefined) return [];
  return ['--cpu-prof', `--cpu-prof-dir=${profileDirectory}`, `--cpu-prof-name=${name}.cpuprofile`];
}

interface HauberkRun {
  readonly nodeArgs?: readonly string[];
  readonly program?: string | undefined;
}

/** A command of `hauberk`. */
export function hauberkCommand(
  name: string,
  args: readonly string[],
  { nodeArgs = [], program = LAUNCHER }: HauberkRun = {},
): BenchCommand {
  const env = nodeArgs.length === 0 ? {} : { NODE_OPTIONS: nodeArgs.join(' ') };
  return { name, program, args, env };
}

interface BenchControlPlane {
  /** What a member needs to join. */
  memberArgs(name: string): string[];
  apply(config: string): Promise<void>;
  register(names: readonly string[]): Promise<void>;
  close(): Promise<void>;
}

async function startControlPlane(context: PeerContext): Promise<BenchControlPlane> {
  const { directory, placement } = context;
  const { leafLifetimeSeconds = 3600 } = context.hauberk;
  const { address: host, through } = context.topology?.control ?? LOOPBACK;
  const dataDirectory = join(directory, 'control-plane');
  const started = startProcess({
    ...hauberkCommand('control-plane', [
      'control-plane',
      `--data-dir=${dataDirectory}`,
      `--grpc-listen=${host}:0`,
      '--http-listen=127.0.0.1:0',
      `--certificate-lifetime=${leafLifetimeSeconds}s`,
    ]),
    through,
    cores: placement.loadCores,
    logFile: join(directory, 'control-plane.log'),
  });
  try {
    const [line] = await started.line(/"listener":"grpc".*"port":\d+/);
    const port = Number(/"port":(\d+)/.exec(line)?.[1]);
    const address = `${host}:${port}`;
    const operate = (...args: readonly string[]): Promise<string> => {
      const admin = [`--control-plane=${address}`, `--admin=${join(dataDirectory, 'admin.pem')}`];
      return runProgram(
        { ...hauberkCommand('operator', [...args, ...admin]), through },
        COMMAND_DEADLINE_MS,
      );
    };
    const output = await operate(
      'token',
      'create',
      `--namespace=${NAMESPACE}`,
      '--uses=0',
      '--ttl=1d',
    );
    const tokenFile = join(directory, 'token');
    const token = /hbk-1-\S+/.exec(output)?.[0] ?? '';
    writeFileSync(tokenFile, token, { mode: 0o600 });
    let services: BenchProcess | undefined;
    return {
      memberArgs: (name) => [
        `--namespace=${NAMESPACE}`,
        `--control-plane=${address}`,
        `--token-file=${tokenFile}`,
        `--state-dir=${join(directory, `${name}-state`)}`,
        '--drain-timeout=1s',
      ],
      async apply(config) {
        const file = join(directory, 'mesh.yaml');
        writeFileSync(file, config);
        await operate('apply', '-f', file);
      },
      async register(names) {
        services = await startSimulatedServices({
          host,
          port,
          trustDomain: TRUST_DOMAIN,
          namespace: NAMESPACE,
          names,
          token,
          openFiles: placement.openFiles,
          cores: placement.loadCores,
        });
      },
      async close() {
        await services?.end();
        await started.end();
      },
    };
  } catch (error) {
    await started.end();
    throw error;
  }
}
