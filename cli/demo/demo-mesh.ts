import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { z } from 'zod';
import type { Closeable } from '../../common/lifecycle.ts';
import { type AdminClient, connectAdmin } from '../admin/client.ts';
import { readAdminCredential } from '../admin/credential.ts';
import { dashboardUrl } from '../output/dashboard-url.ts';
import { startChild, type Child, type ChildEnvironment, type ChildProgram } from './child.ts';
import { DemoError } from './demo-error.ts';
import { CONTROL_PLANE_FOLDER, openDemoFolder } from './demo-folder.ts';
import { startSidecar, type DemoSidecar } from './sidecar-child.ts';
import { startWiretap, type Wiretap } from './wiretap.ts';

/** Short enough to watch two rotations in the time that a person looks on. */
export const CERTIFICATE_SECONDS = 15;

/** Instances of the service that is called. */
const API_INSTANCES = 2;

const clientTotals = z.object({
  requests: z.number(),
  failures: z.number(),
  lastFailure: z.string(),
});
/** What the client has counted. */
export type ClientTotals = Readonly<z.infer<typeof clientTotals>>;

/** A running mesh of real processes on loopback, with wiretaps. */
export interface DemoMesh extends Closeable {
  readonly sidecars: readonly DemoSidecar[];
  /** Between the client and its sidecar: what is said there is readable. */
  readonly plaintextSide: Wiretap;
  /** Between the sidecars: what is said there must not be. */
  readonly wire: readonly Wiretap[];
  readonly totals: ClientTotals;
  /** Tunnels that were made: successful handshakes of both ends, counted once. */
  handshakes(): Promise<number>;
  /** Variables with which the commands of an operator find the mesh. */
  readonly operatorEnv: Readonly<Record<string, string>>;
  /** An address that signs one browser in, once, within five minutes; undefined where no dashboard is wanted. */
  dashboardLink(): Promise<string | undefined>;
  /** Ends the load, with no request in flight. */
  finishLoad(): Promise<void>;
  /** Ends all processes and removes all files. */
  close(): Promise<void>;
}

/** What a mesh of the demo is made of. */
export interface DemoMeshOptions {
  readonly env: ChildEnvironment;
  /** The mesh is shown in a browser too. */
  readonly dashboard: boolean;
  /** Ends the start; a mesh that is up goes on. */
  readonly signal: AbortSignal;
}

type StartChild = (name: string, program: ChildProgram) => Child;

const INTERRUPTED = 'the demo was interrupted before its mesh was up';

/**
 * Starts control plane, sidecars, application and client:
 *
 *     client ─tap─> sidecar of web ═tap═> sidecar of api-1 ──> api-1
 *                                  ═tap═> sidecar of api-2 ──> api-2
 *
 * @throws DemoError `process-ended`, or `interrupted`; nothing that was started or written stays
 */
export async function startDemoMesh(options: DemoMeshOptions): Promise<DemoMesh> {
  try {
    return await startParts(options);
  } catch (cause) {
    if (!options.signal.aborted) throw cause;
    throw new DemoError('interrupted', INTERRUPTED, { cause });
  }
}

async function startParts({ env, dashboard, signal }: DemoMeshOptions): Promise<DemoMesh> {
  await using opened = new AsyncDisposableStack();
  const folder = opened.adopt(await openDemoFolder(tmpdir()), (made) => made.remove());
  const directory = folder.path;
  // A waiter for a process to be up learns that it ended.
  const interrupted = new AbortController();
  const interrupt = (): void => interrupted.abort();
  signal.addEventListener('abort', interrupt);
  const start: StartChild = (name, program) => {
    // What is started side by side goes on for a moment when one of them has failed.
    if (signal.aborted || opened.disposed) throw new DemoError('interrupted', INTERRUPTED);
    const child = opened.adopt(startChild(name, program, env), (started) => started.stop());
    interrupted.signal.addEventListener('abort', () => void child.stop());
    return child;
  };
  const tap = async (canary: string): Promise<Wiretap> =>
    opened.adopt(await startWiretap(canary), (wiretap) => wiretap.close());

  const canary = `canary-${randomBytes(12).toString('hex')}`;
  const dataDirectory = path.join(directory, CONTROL_PLANE_FOLDER);
  const controlPlanePort = await startControlPlane({ dataDirectory, dashboard, start });
  const askAsOperator = operatorOf(dataDirectory, controlPlanePort);
  const tokenFile = await makeToken(directory, askAsOperator);
  const shared = { start, controlPlanePort, tokenFile };
  const sidecar = (name: string, service: string, args: readonly string[]) => {
    const stateDirectory = path.join(directory, name);
    return startSidecar({ ...shared, name, service, stateDirectory, args });
  };

  const apis = Array.from({ length: API_INSTANCES }, async (_, index) => {
    const name = `api-${index + 1}`;
    const app = start(name, { script: 'app', args: [name] });
    const { port } = await app.line((line) => 'port' in line);
    const wiretap = await tap(canary);
    const args = ['--expose', `8080=127.0.0.1:${String(port)}`];
    const advertise = ['--advertise', `127.0.0.1:${wiretap.port}`];
    const started = await sidecar(name, 'api', [...args, ...advertise]);
    wiretap.forwardTo(started.hbonePort);
    return { started, wiretap };
  });
  const [web, ...called] = await Promise.all([
    sidecar('web', 'web', ['--upstream', '127.0.0.1:0=api:8080']),
    ...apis,
  ]);
  const plaintextSide = await tap(canary);
  plaintextSide.forwardTo(web.upstreamPort ?? 0);

  const args = [String(plaintextSide.port), canary];
  const client = start('client', { script: 'client', args });
  let totals: ClientTotals = { requests: 0, failures: 0, lastFailure: '' };
  client.onLine((line) => (totals = clientTotals.parse(line)));
  let loadEnded: Promise<void> | undefined;
  const finishLoad = (): Promise<void> => (loadEnded ??= client.finish());
  opened.defer(finishLoad);

  signal.removeEventListener('abort', interrupt);
  const parts = opened.move();
  return {
    sidecars: [web, ...called.map(({ started }) => started)],
    plaintextSide,
    wire: called.map(({ wiretap }) => wiretap),
    get totals() {
      return totals;
    },
    handshakes: () => countHandshakes(web.metricsPort),
    operatorEnv: {
      HAUBERK_CONTROL_PLANE: `127.0.0.1:${controlPlanePort}`,
      HAUBERK_ADMIN: path.join(dataDirectory, ADMIN_FILE),
      HAUBERK_NAMESPACE: NAMESPACE,
    },
    dashboardLink: async () =>
      dashboard
        ? dashboardUrl(await askAsOperator((admin) => admin.createDashboardLink(TO_LOOK)))
        : undefined,
    finishLoad,
    close: () => parts.disposeAsync(),
  };
}

/** Of all services. */
const NAMESPACE = 'demo';
/** The operator's credential, in the data directory. */
const ADMIN_FILE = 'admin.pem';

/** What the browser of the link may do. */
const TO_LOOK = { allowChanges: false };

async function startControlPlane({
  dataDirectory,
  dashboard,
  start,
}: {
  readonly dataDirectory: string;
  readonly dashboard: boolean;
  readonly start: StartChild;
}): Promise<number> {
  const controlPlane = start('control plane', {
    command: [
      'control-plane',
      `--data-dir=${dataDirectory}`,
      '--grpc-listen=127.0.0.1:0',
      '--http-listen=127.0.0.1:0',
      `--dashboard-listen=${dashboard ? '127.0.0.1:0' : 'off'}`,
      `--certificate-lifetime=${CERTIFICATE_SECONDS}s`,
    ],
  });
  const line = await controlPlane.line(
    (one) => one['event'] === 'listening' && one['listener'] === 'grpc',
  );
  return Number(line['port']);
}

type AskAsOperator = <Answer>(call: (client: AdminClient) => Promise<Answer>) => Promise<Answer>;

/** Calls the control plane as its operator, each time over a connection of its own. */
function operatorOf(dataDirectory: string, port: number): AskAsOperator {
  return async (call) => {
    const credential = readAdminCredential(path.join(dataDirectory, ADMIN_FILE));
    const client = connectAdmin({ address: { host: '127.0.0.1', port }, credential });
    try {
      return await call(client);
    } finally {
      await client.close();
    }
  };
}

async function makeToken(directory: string, askAsOperator: AskAsOperator): Promise<string> {
  const scope = { namespace: NAMESPACE, service: undefined, ttlSeconds: 60 };
  const uses = 1 + API_INSTANCES;
  const { joinToken } = await askAsOperator((admin) => admin.createToken({ ...scope, uses }));
  const file = path.join(directory, 'token');
  await writeFile(file, joinToken, { mode: 0o600 });
  return file;
}

const HANDSHAKES = /^hauberk_handshake_seconds_count\{direction="outbound"\} (\d+)$/m;

async function countHandshakes(metricsPort: number): Promise<number> {
  const response = await fetch(`http://127.0.0.1:${metricsPort}/metrics`);
  return Number(HANDSHAKES.exec(await response.text())?.[1] ?? 0);
}
