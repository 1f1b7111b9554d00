import { type KeyObject, X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { connectAdmin, type AdminClient } from '../../cli/admin/client.ts';
import { readAdminCredential, type AdminCredential } from '../../cli/admin/credential.ts';
import { createGuard } from '../../common/guard.ts';
import type { Clock } from '../../common/clock.ts';
import { createCsr } from '../../common/pki/csr.ts';
import { generatePrivateKey } from '../../common/pki/key.ts';
import type { Authority } from '../../common/pki/authority.ts';
import { peerSpiffeId } from '../../common/pki/peer.ts';
import { spiffeId } from '../../common/pki/spiffe-id.ts';
import { createChannel, type ControlPlaneChannel } from '../../common/rpc/channel.ts';
import { openCertificateAuthority } from '../../control-plane/ca/certificate-authority.ts';
import { decodeIssuer } from '../../control-plane/ca/authorities/stored-authority.ts';
import type { ControlPlane, Settings } from '../../control-plane/server/control-plane.ts';
import type { DashboardSettings } from '../../control-plane/server/endpoints/dashboard.ts';
import { startControlPlane } from '../../control-plane/server/server.ts';
import { openSqliteStore } from '../../control-plane/store/sqlite/sqlite-store.ts';
import type { SnapshotStore, Store } from '../../control-plane/store/store.ts';
import {
  IdentityClient,
  type IssueRequest,
  type IssueResponse,
} from '../../proto/gen/hauberk/v1/identity.ts';
import { DEFAULT_STORE } from '../helpers/mesh/default-store.ts';
import { freePort } from '../helpers/machine/free-port.ts';
import { createLogRecorder, type LogRecorder } from '../helpers/log-recorder.ts';
import { createManualClock, type ManualClock } from '../helpers/manual-clock.ts';
import { temporaryDirectory } from '../helpers/machine/temporary-directory.ts';

/** A key with the certificate for it. */
export interface TestIdentity {
  readonly privateKey: KeyObject;
  readonly chain: readonly X509Certificate[];
}

/** A real control plane in this process, on free ports, with a clock that the test moves. */
export interface ControlPlaneUnderTest {
  readonly controlPlane: ControlPlane;
  readonly clock: ManualClock;
  readonly log: LogRecorder;
  readonly dataDir: string;
  /** What it was started with, to start another one at this port. */
  settings(grpcPort: number): Settings;
  readonly operator: AdminCredential;
  readonly admin: AdminClient;
  /** A connection that ends with the test. */
  connect(identity?: TestIdentity): ControlPlaneChannel;
  /** Calls Issue; what is not given is right. Rejects with an RpcError. */
  issue(request: Partial<IssueRequest>, identity?: TestIdentity): Promise<IssueResponse>;
  /** A token for the namespace. */
  token(namespace?: string, service?: string): Promise<string>;
  /** A sidecar with its first certificate. */
  enrol(namespace: string, service: string): Promise<TestIdentity>;
  /** The same with a token of the test's own. */
  enrolWith(joinToken: string, namespace: string, service: string): Promise<TestIdentity>;
  /** The next certificate of a sidecar. */
  renew(identity: TestIdentity): Promise<TestIdentity>;
  /** The control plane's own issuer, to make certificates with that it would not issue. */
  readonly issuer: Authority;
  metric(line: string): Promise<boolean>;
}

/** What a test wants to be different. */
export interface ControlPlaneUnderTestOptions {
  readonly leafLifetimeSeconds?: number;
  /** A file, as with `--mesh-config`. */
  readonly meshConfig?: string;
  /** Seconds; expired certificates are not renewed without it. */
  readonly renewAfterExpiry?: number;
  /** Seconds for which the credentials of operators may be renewed. */
  readonly operatorRenewal?: number;
  /** The clock begins so long ago; TLS has the real one. */
  readonly startedAgoMs?: number;
  /** Instead of the one that the test moves, which stands still then. */
  readonly clock?: Clock;
  /** Where the dashboard is served; by default nowhere. */
  readonly dashboard?: DashboardSettings;
  readonly issueWithoutStore?: boolean;
  /** Of an earlier one, which has ended. */
  readonly dataDir?: string;
  /** A store for several, with its clock and the log of all. */
  readonly shared?: SharedStore;
}

/** What several control planes of a test have in common. */
export interface SharedStore {
  readonly store: SnapshotStore;
  readonly clock: ManualClock;
  readonly log: LogRecorder;
}

/**
 * Opens a store that several control planes use; it ends after they have, with the test.
 *
 * @param storeClock instead of the one that the test moves
 */
export async function openSharedStore(
  t: ExecutionContext,
  storeClock?: Clock,
): Promise<SharedStore> {
  const directory = await temporaryDirectory();
  const [clock, log] = [createManualClock(Date.now()), createLogRecorder()];
  const { logger } = log;
  const file = join(directory.path, 'x.db');
  const store = await openSqliteStore({ path: file, clock: storeClock ?? clock, logger });
  t.teardown(async () => {
    await store.close();
    await directory[Symbol.asyncDispose]();
  });
  return { store, clock, log };
}

/** The name that the tests use. */
export const webId = 'spiffe://mesh.local/ns/shop/sa/web';

/** Starts one; everything ends with the test. */
export async function startControlPlaneUnderTest(
  t: ExecutionContext,
  options: ControlPlaneUnderTestOptions = {},
): Promise<ControlPlaneUnderTest> {
  const { leafLifetimeSeconds = 3600, renewAfterExpiry = 0, meshConfig, clock: ownClock } = options;
  const { operatorRenewal = 30 * 24 * 60 * 60 } = options;
  const directory = await temporaryDirectory();
  const dataDir = options.dataDir ?? join(directory.path, 'data');
  const { shared } = options;
  const clock = shared?.clock ?? createManualClock(Date.now() - (options.startedAgoMs ?? 0));
  const log = shared?.log ?? createLogRecorder();
  const settings = {
    dataDir,
    ...DEFAULT_STORE,
    // It may be started again there, and nobody may answer when it has ended.
    grpcListen: { host: '127.0.0.1', port: await freePort() },
    httpListen: { host: '127.0.0.1', port: await freePort() },
    advertise: [],
    trustDomain: 'mesh.local',
    certificateLifetime: leafLifetimeSeconds,
    renewAfterExpiry,
    operatorRenewal,
    writeToken: [],
    ...options.dashboard,
    issueWithoutStore: options.issueWithoutStore ?? false,
    meshConfig,
    issuerCert: undefined,
    issuerKey: undefined,
    bundleListen: undefined,
    bundleCert: undefined,
    bundleKey: undefined,
    drainTimeout: 5,
  };
  const own = { path: join(dataDir, 'hauberk.db'), clock, logger: log.logger };
  const issuer = shared
    ? await makeAuthority(shared.store, clock, log)
    : await withStore(await openSqliteStore(own), (store) => makeAuthority(store, clock, log));
  const dependencies = {
    clock: ownClock ?? clock,
    logger: log.logger,
    guard: createGuard({ clock, logger: log.logger }),
    ...(shared && { sharedStore: shared.store }),
  };
  const controlPlane = await startControlPlane(settings, dependencies);
  const channels: { close(): void | Promise<void> }[] = [];
  const address = { host: '127.0.0.1', port: controlPlane.grpcPort };
  const operator = readAdminCredential(controlPlane.adminFile);
  const admin = connectAdmin({ address, credential: operator });
  channels.push(admin);
  t.teardown(async () => {
    for (const channel of channels) await channel.close();
    await controlPlane[Symbol.asyncDispose]();
    await directory[Symbol.asyncDispose]();
  });

  const { roots, trustDomain } = operator;
  const self: ControlPlaneUnderTest = {
    controlPlane,
    clock,
    log,
    dataDir,
    settings: (port) => ({ ...settings, grpcListen: { host: '127.0.0.1', port } }),
    issuer,
    operator,
    admin,
    connect(identity) {
      const channel = createChannel({
        address,
        trustDomain,
        roots,
        ...(identity === undefined ? {} : { identity }),
      });
      channels.push(channel);
      return channel;
    },
    issue(request, identity) {
      const channel = self.connect(identity);
      const full: IssueRequest = {
        csr: createCsr(generatePrivateKey()),
        joinToken: '',
        spiffeId: webId,
        lifetimeSeconds: 0,
        ...request,
      };
      return new Promise((resolve, reject) => {
        channel.client(IdentityClient).issue(full, (error, response) => {
          if (error === null) resolve(response);
          else reject(channel.explain(error));
        });
      });
    },
    async token(namespace = 'shop', service) {
      const request = { namespace, service, ttlSeconds: 3600, uses: undefined };
      return (await admin.createToken(request)).joinToken;
    },
    enrol: async (namespace, service) =>
      self.enrolWith(await self.token(namespace), namespace, service),
    async enrolWith(joinToken, namespace, service) {
      const privateKey = generatePrivateKey();
      const { chain } = await self.issue({
        csr: createCsr(privateKey),
        joinToken,
        spiffeId: spiffeId({ trustDomain, namespace, service }).uri,
      });
      return { privateKey, chain: chain.map((der) => new X509Certificate(der)) };
    },
    async renew(identity) {
      const [leaf] = identity.chain;
      if (leaf === undefined) throw new Error('expected a certificate');
      const privateKey = generatePrivateKey();
      const request = { csr: createCsr(privateKey), spiffeId: peerSpiffeId(leaf).uri };
      const { chain } = await self.issue(request, identity);
      return { privateKey, chain: chain.map((der) => new X509Certificate(der)) };
    },
    async metric(line) {
      const response = await fetch(`http://127.0.0.1:${controlPlane.httpPort}/metrics`);
      return (await response.text()).includes(`\n${line}\n`);
    },
  };
  return self;
}

/** The first start of the authority; later ones find it, and the test has its key. */
async function makeAuthority(
  store: Store,
  clock: ManualClock,
  { logger }: LogRecorder,
): Promise<Authority> {
  await openCertificateAuthority({ store, clock, logger, trustDomain: 'mesh.local' });
  const entry = await store.get('ca/issuer');
  if (entry === undefined) throw new Error('expected an issuer in the store');
  return decodeIssuer(entry);
}

async function withStore<T>(store: Store, work: (store: Store) => Promise<T>): Promise<T> {
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}
