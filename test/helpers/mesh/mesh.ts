import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { freePort } from '../machine/free-port.ts';
import { runHauberk, startHauberk, type HauberkProcess } from './hauberk-process.ts';
import { launchControlPlane, type ControlPlane } from './mesh-control-plane.ts';
import {
  sidecarArguments,
  watchSidecar,
  type Sidecar,
  type SidecarOptions,
} from './mesh-sidecar.ts';
import type { Scope } from '../scope.ts';

export type { ControlPlane, Sidecar, SidecarOptions };

/** A control plane in a process of its own, and the sidecars that were started with it. */
export interface Mesh {
  readonly directory: string;
  readonly controlPlane: ControlPlane;
  /** Starts a sidecar and waits until it is ready. */
  sidecar(options: SidecarOptions): Promise<Sidecar>;
  /** Starts a sidecar that is not expected to become ready. */
  launch(options: SidecarOptions): Promise<HauberkProcess>;
  /** Starts a sidecar that has ended again: same state and ports, no token. */
  revive(sidecar: Sidecar, changes?: Partial<SidecarOptions>): Promise<Sidecar>;
  /** Makes a join token. */
  token(options?: readonly string[]): Promise<string>;
  /** Runs a command of the operator. */
  admin(
    args: readonly string[],
    options?: { readonly deadlineMs: number },
  ): Promise<{ code: number; stdout: string; stderr: string }>;
  /** Everything that the mesh's processes wrote so far. */
  output(): string;
}

/** What differs from a mesh with everything at its default. */
export interface MeshOptions {
  readonly leafLifetimeSeconds?: number;
  readonly controlPlaneArgs?: readonly string[];
  readonly controlPlaneEnv?: Readonly<Record<string, string>>;
  /** A command that runs the command after it. */
  readonly controlPlaneThrough?: readonly string[];
}

/** Starts a control plane for one test, or for one file; everything ends with it. */
export async function startMesh(scope: Scope, given: MeshOptions = {}): Promise<Mesh> {
  const { leafLifetimeSeconds = 3600, controlPlaneArgs = [] } = given;
  const { controlPlaneEnv = {}, controlPlaneThrough = [] } = given;
  const directory = await mkdtemp(path.join(tmpdir(), 'hauberk-test-'));
  const dataDirectory = path.join(directory, 'control-plane');
  const processes: HauberkProcess[] = [];
  scope.teardown(async () => {
    if (scope.passed === false) console.error(complaints(processes));
    await Promise.all(processes.map((process) => process.end('SIGKILL')));
    await rm(directory, { recursive: true, force: true });
  });
  const start = (...parameters: Parameters<typeof startHauberk>): HauberkProcess => {
    const process = startHauberk(...parameters);
    processes.push(process);
    return process;
  };

  const controlPlane = await launchControlPlane(
    (args) => start(args, { env: controlPlaneEnv, through: controlPlaneThrough }),
    dataDirectory,
    [`--certificate-lifetime=${leafLifetimeSeconds}s`, ...controlPlaneArgs],
  );
  const address = `127.0.0.1:${controlPlane.grpcPort}`;
  const admin: Mesh['admin'] = (args, options) =>
    runHauberk(
      [...args, `--control-plane=${address}`, `--admin=${path.join(dataDirectory, 'admin.pem')}`],
      options,
    );
  const token: Mesh['token'] = async (options = ['--namespace', 'default']) => {
    const { code, stdout, stderr } = await admin(['token', 'create', ...options]);
    if (code !== 0) throw new Error(`token create failed with ${code}: ${stderr}`);
    return stdout.trim();
  };
  const shared = new Map<string, Promise<string>>();
  const tokenOf = (namespace: string): Promise<string> => {
    const made = shared.get(namespace) ?? token(['--namespace', namespace, '--uses', '0']);
    shared.set(namespace, made);
    return made;
  };

  let started = 0;
  const launch = async (options: SidecarOptions) => {
    const { service, namespace = 'default', env = {}, through = [] } = options;
    started += 1;
    const name = `${service}-${started}`;
    const stateDirectory = options.stateDirectory ?? path.join(directory, name);
    const tokenFile = path.join(directory, `${name}.token`);
    const secret = options.token ?? (await tokenOf(namespace));
    if (secret !== '') await writeFile(tokenFile, secret, { mode: 0o600 });
    const resolved = { ...options, ...(await portsOf(options)), stateDirectory };
    const args = sidecarArguments(resolved, address);
    const tokenArgs = secret === '' ? [] : ['--token-file', tokenFile];
    return { process: start([...args, ...tokenArgs], { env, through }), options: resolved };
  };
  const sidecar: Mesh['sidecar'] = async (options) => {
    const launched = await launch(options);
    // On a machine with too much to do, a sidecar is ready before the control plane has answered.
    if (controlPlane.running) await launched.process.logged('sync-connected');
    return await watchSidecar(launched.process, launched.options);
  };

  return {
    directory,
    controlPlane,
    admin,
    token,
    launch: async (options) => (await launch(options)).process,
    sidecar,
    revive: ({ options }, changes = {}) => sidecar({ ...options, token: '', ...changes }),
    output: () => processes.map((process) => process.output()).join(''),
  };
}

/** The ports that a sidecar listens on, and gets back when it is started again. */
async function portsOf({
  upstreams = [],
  upstreamPorts,
  hbonePort,
}: SidecarOptions): Promise<Pick<SidecarOptions, 'upstreamPorts' | 'hbonePort'>> {
  return {
    hbonePort: hbonePort ?? (await freePort()),
    upstreamPorts: upstreamPorts ?? (await Promise.all(upstreams.map(freePort))),
  };
}

/** What the processes of a test that failed had to say. */
function complaints(processes: readonly HauberkProcess[]): string {
  const lines = processes.flatMap(({ log }) => log.filter(({ level }) => level !== 'info'));
  return lines.map((line) => JSON.stringify(line)).join('\n');
}
