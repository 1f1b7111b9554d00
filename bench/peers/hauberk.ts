import { writeFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SOFTWARE_VERSION } from '../../common/version.ts';
import { runProgram, startProcess, type BenchCommand } from '../lab/bench-process.ts';
import { CALLEE_NAME } from '../lab/certificates.ts';
import type { ClientFiles, HauberkOptions, Peer, PeerContext } from './peer.ts';

/** What users run: it chooses Node.js and its flags. */
const LAUNCHER = join(import.meta.dirname, '../../cli/hauberk');
const COMMAND_DEADLINE_MS = 30_000;
const NAMESPACE = 'bench';
const SERVICE_PORT = 8080;

/** Two `hauberk proxy` processes that enrol at a real control plane. */
export const hauberkPeer: Peer = {
  id: 'hauberk',
  title: 'Hauberk',
  kind: 'ours',
  program: 'hauberk',
  install: 'npm ci',
  version: () => Promise.resolve(SOFTWARE_VERSION),
  async plan(context) {
    const { app, ports, hauberk: hauberkOptions } = context;
    const controlPlane = await startControlPlane(context);
    const sidecar = (name: string, args: readonly string[]): BenchCommand =>
      hauberk(
        name,
        ['proxy', ...controlPlane.sidecarArgs(name), ...args, ...extraArgs(hauberkOptions)],
        profilerArgs(name, hauberkOptions),
      );
    return {
      caller: sidecar('caller', [
        '--service=web',
        `--metrics-listen=127.0.0.1:${ports.callerMetrics}`,
        '--hbone-listen=127.0.0.1:0',
        `--upstream=127.0.0.1:${ports.plaintext}=${CALLEE_NAME}:${SERVICE_PORT}`,
      ]),
      callee: sidecar('callee', [
        `--service=${CALLEE_NAME}`,
        `--metrics-listen=127.0.0.1:${ports.calleeMetrics}`,
        `--hbone-listen=127.0.0.1:${ports.tls}`,
        `--expose=${SERVICE_PORT}=127.0.0.1:${app.httpPort}`,
      ]),
      metrics: [ports.callerMetrics, ports.calleeMetrics].map(
        (port) => `http://127.0.0.1:${port}/metrics`,
      ),
      client: () => clientOf(context.directory),
      close: controlPlane.close,
    };
  },
};

function extraArgs({ workers, accessLog = false }: HauberkOptions): string[] {
  return [
    ...(workers === undefined ? [] : [`--workers=${workers}`]),
    ...(accessLog ? ['--access-log'] : []),
  ];
}

function profilerArgs(name: string, { profileDirectory }: HauberkOptions): string[] {
  if (profileDirectory === undefined) return [];
  return ['--cpu-prof', `--cpu-prof-dir=${profileDirectory}`, `--cpu-prof-name=${name}.cpuprofile`];
}

function hauberk(
  name: string,
  args: readonly string[],
  nodeArgs: readonly string[] = [],
): BenchCommand {
  const env = nodeArgs.length === 0 ? {} : { NODE_OPTIONS: nodeArgs.join(' ') };
  return { name, program: LAUNCHER, args, env };
}

interface BenchControlPlane {
  /** What a sidecar needs to join. */
  sidecarArgs(name: string): string[];
  close(): Promise<void>;
}

async function startControlPlane(context: PeerContext): Promise<BenchControlPlane> {
  const { directory, placement } = context;
  const { leafLifetimeSeconds = 3600 } = context.hauberk;
  const dataDirectory = join(directory, 'control-plane');
  const started = startProcess({
    ...hauberk('control-plane', [
      'control-plane',
      `--data-dir=${dataDirectory}`,
      '--grpc-listen=127.0.0.1:0',
      '--http-listen=127.0.0.1:0',
      `--certificate-lifetime=${leafLifetimeSeconds}s`,
    ]),
    cores: placement.loadCores,
    logFile: join(directory, 'control-plane.log'),
  });
  try {
    const [line] = await started.line(/"listener":"grpc".*"port":\d+/);
    const address = `127.0.0.1:${/"port":(\d+)/.exec(line)?.[1] ?? ''}`;
    const output = await runProgram(
      hauberk('token', [
        'token',
        'create',
        `--namespace=${NAMESPACE}`,
        '--uses=0',
        '--ttl=1d',
        `--control-plane=${address}`,
        `--admin=${join(dataDirectory, 'admin.pem')}`,
      ]),
      COMMAND_DEADLINE_MS,
    );
    const tokenFile = join(directory, 'token');
    writeFileSync(tokenFile, /hbk-1-\S+/.exec(output)?.[0] ?? '', { mode: 0o600 });
    return {
      sidecarArgs: (name) => [
        `--namespace=${NAMESPACE}`,
        `--control-plane=${address}`,
        `--token-file=${tokenFile}`,
        `--state-dir=${join(directory, `${name}-state`)}`,
        '--drain-timeout=1s',
      ],
      close: () => started.end(),
    };
  } catch (error) {
    await started.end();
    throw error;
  }
}

/** The caller's own certificate, out of its state directory. */
async function clientOf(directory: string): Promise<ClientFiles> {
  const state = await readFile(join(directory, 'caller-state', 'identity.json'), 'utf8');
  const { privateKey, chain, bundle } = JSON.parse(state) as StoredIdentity;
  const file = async (name: string, content: string): Promise<string> => {
    const path = join(directory, name);
    await writeFile(path, content, { mode: 0o600 });
    return path;
  };
  return {
    chain: await file('client-chain.pem', chain),
    key: await file('client-key.pem', privateKey),
    trusted: await file('client-trusted.pem', `${bundle.roots}${chain}`),
  };
}

/** What a sidecar keeps of its identity, as far as it is of use here. */
interface StoredIdentity {
  readonly privateKey: string;
  readonly chain: string;
  readonly bundle: { readonly roots: string };
}
