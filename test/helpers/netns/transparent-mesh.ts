import { chown, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runHauberk, startHauberk, type HauberkProcess } from '../mesh/hauberk-process.ts';
import { parseMetrics, type MetricSamples } from '../metric-samples.ts';
import type { Scope } from '../scope.ts';
import { asUser, createNetwork, type Host, type Network } from './network.ts';
import { startApp } from './processes.ts';

/** A host whose traffic is captured, and its sidecar. */
export interface MeshedHost extends Host {
  readonly sidecar: HauberkProcess;
  metrics(): Promise<MetricSamples>;
  /** Runs `hauberk proxy init-netns` in it. */
  initNetns(...flags: readonly string[]): Promise<void>;
  /** Starts the sidecar again after it has ended; it has no token any more. */
  restartSidecar(): Promise<void>;
}

/** Meshed hosts, the control plane, and a host that is not of the mesh. */
export interface TransparentMesh<Name extends string> {
  readonly hosts: Readonly<Record<Name, MeshedHost>>;
  readonly stranger: Host;
  readonly network: Network<'control' | 'stranger' | Name>;
  admin(...args: readonly string[]): Promise<string>;
  readonly controlPlane: HauberkProcess;
  /** The operator's credential. */
  readonly adminFile: string;
}

/** Seven processes start at once, on machines with two cores. */
const START_DEADLINE_MS = 60_000;

/** A flag of a member that is not in the namespace `shop`. */
const NAMESPACE = '--namespace=';

/** The user of the sidecars, as in a container. */
const SIDECAR_UID = 15_337;

/**
 * Starts a mesh whose members know nothing of it: on each host an application, the rules, and a
 * sidecar without any privilege, or with the one that `--client-address=preserve` takes. The stranger has an application only.
 */
export async function startTransparentMesh<const Name extends string>(
  scope: Scope,
  members: Readonly<Record<Name, readonly string[]>>,
): Promise<TransparentMesh<Name>> {
  const directory = await mkdtemp(join(tmpdir(), 'hauberk-netns-'));
  scope.teardown(() => rm(directory, { recursive: true, force: true }));
  // The sidecars' own directories are in it.
  await chown(directory, SIDECAR_UID, SIDECAR_UID);
  const names = Object.keys(members) as Name[];
  const network = await createNetwork(scope, ['control', 'stranger', ...names]);
  const { control, stranger } = network.hosts;

  const dataDirectory = join(directory, 'control-plane');
  const adminFile = join(dataDirectory, 'admin.pem');
  const grpc = `${control.ipv4}:15012`;
  const start = (...parameters: Parameters<typeof startHauberk>): HauberkProcess => {
    const process = startHauberk(...parameters);
    scope.teardown(() => process.end('SIGKILL'));
    return process;
  };
  const controlPlane = start(
    [
      'control-plane',
      `--data-dir=${dataDirectory}`,
      `--grpc-listen=${grpc}`,
      `--http-listen=${control.ipv4}:15014`,
    ],
    { through: control.through },
  );
  await Promise.all([controlPlane.port('grpc'), startApp(scope, stranger)]);
  const admin = async (...args: readonly string[]): Promise<string> => {
    const flags = [`--control-plane=${grpc}`, `--admin=${adminFile}`];
    const { code, stdout, stderr } = await runHauberk([...args, ...flags], {
      through: control.through,
    });
    if (code !== 0) throw new Error(`hauberk ${args.join(' ')} failed: ${stderr}`);
    return stdout;
  };
  const createToken = (namespace: string): Promise<string> =>
    admin('token', 'create', '--namespace', namespace, '--uses', '0');

  async function meshed(name: Name): Promise<MeshedHost> {
    const host = network.hosts[name];
    const stateDirectory = join(directory, name);
    await mkdir(stateDirectory);
    await chown(stateDirectory, SIDECAR_UID, SIDECAR_UID);
    const initNetns = async (...flags: readonly string[]): Promise<void> => {
      const command = ['proxy', 'init-netns', ...flags];
      const { code, stderr } = await runHauberk(command, { through: host.through });
      if (code !== 0) throw new Error(stderr);
    };
    // What the rules and the capabilities have to say to it too.
    const preserves = members[name].includes('--client-address=preserve');
    const rules = preserves ? ['--client-address=preserve'] : [];
    const user = asUser(String(SIDECAR_UID), preserves ? 'net_raw' : undefined);
    await Promise.all([initNetns(...rules), startApp(scope, host)]);
    const flags = members[name];
    const namespace = flags.find((flag) => flag.startsWith(NAMESPACE)) ?? `${NAMESPACE}shop`;
    const others = flags.filter((flag) => flag !== namespace);
    const identity = [namespace, `--service=${name}`, `--control-plane=${grpc}`];
    const startSidecar = async (env: Record<string, string>): Promise<HauberkProcess> => {
      const transparent = ['--transparent', `--state-dir=${stateDirectory}`, ...others];
      const process = start(['proxy', ...identity, ...transparent], {
        env,
        through: [...host.through, ...user],
      });
      await process.logged('ready', undefined, { deadlineMs: START_DEADLINE_MS });
      return process;
    };
    const token = await createToken(namespace.slice(NAMESPACE.length));
    let sidecar = await startSidecar({ HAUBERK_TOKEN: token.trim() });
    return {
      ...host,
      initNetns,
      get sidecar() {
        return sidecar;
      },
      async restartSidecar() {
        sidecar = await startSidecar({});
      },
      async metrics() {
        const url = `http://${host.ipv4}:15020/metrics`;
        const { stdout } = await network.bridge.run('curl', '-sS', '--max-time', '10', url);
        return parseMetrics(stdout);
      },
    };
  }

  const joined = await Promise.all(
    names.map(async (name): Promise<readonly [string, MeshedHost]> => [name, await meshed(name)]),
  );
  return {
    hosts: Object.fromEntries(joined) as Record<Name, MeshedHost>,
    stranger,
    network,
    admin,
    controlPlane,
    adminFile,
  };
}
