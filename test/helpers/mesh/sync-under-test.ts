import { createIssuer } from '../../../common/pki/authority.ts';
import { momentOf } from '../../../common/dates.ts';
import { systemClock } from '../../../common/clock.ts';
import { spiffeId } from '../../../common/pki/spiffe-id.ts';
import type { TrustBundle } from '../../../common/pki/trust-bundle.ts';
import { toBundleMessage } from '../../../common/wire/bundle.ts';
import type {
  Endpoint,
  Policy,
  SyncRequest,
  SyncResponse,
} from '../../../proto/gen/hauberk/v1/discovery.ts';
import { NO_REPORT } from '../../../common/wire/report.ts';
import { createSyncClient, type SyncClient } from '../../../proxy/discovery/sync/client.ts';
import { Interest } from '../../../proxy/discovery/interest/interest.ts';
import { createMeshView } from '../../../proxy/discovery/mutable-view.ts';
import { openSavedView } from '../../../proxy/discovery/saved-view.ts';
import type { SyncClientSettings } from '../../../proxy/discovery/sync/settings.ts';
import {
  createIdentitySource,
  type MutableIdentitySource,
} from '../../../proxy/identity/mutable-source.ts';
import {
  createPolicySource,
  type MutablePolicySource,
} from '../../../proxy/policy/policy-source.ts';
import { createLogRecorder, type LogRecorder } from '../log-recorder.ts';
import { targetsOf } from '../targets.ts';
import { temporaryDirectory } from '../machine/temporary-directory.ts';
import { createTestAuthority } from './test-authority.ts';
import { startTestControlPlane, type TestControlPlane } from './test-control-plane.ts';

/** The authority of the mesh that the tests of this folder are about. */
export const authority = createTestAuthority();
/** Where the sidecar says that it is. */
export const PLACE = {
  addresses: ['127.0.0.1'],
  hbonePort: 15_008,
  ports: [8080],
  anyPort: false,
};
/** The policy of a mesh that is open to its members. */
export const OPEN = {
  level: 1,
  configVersion: 0,
  fallback: 'mesh',
  rules: [],
  egress: undefined,
  routes: undefined,
};
/** What the sidecar reports while nothing happens. */
export const REPORT = { ...NO_REPORT, certificateSerial: 'ab', certificateNotAfterMs: 1 };

/** A sidecar's side of a Sync stream, and a control plane to talk to. */
export interface SyncUnderTest extends AsyncDisposable {
  readonly controlPlane: TestControlPlane;
  readonly identity: MutableIdentitySource;
  readonly policies: MutablePolicySource;
  /** Empty at first. */
  readonly interest: Interest;
  readonly log: LogRecorder;
  readonly bundles: TrustBundle[];
  readonly stateDirectory: string;
  client(settings?: Partial<SyncClientSettings>): Promise<SyncClient>;
}

/** An identity with a leaf of its own. */
export function newIdentity(issuing = authority): ReturnType<MutableIdentitySource['current']> {
  const { privateKey, chain } = issuing.workload('shop', 'web');
  const id = spiffeId({ trustDomain: 'mesh.local', namespace: 'shop', service: 'web' });
  const { bundle } = authority;
  const received = momentOf(systemClock);
  return { spiffeId: id, privateKey, chain, bundle, received, lifetimeMs: 3_600_000 };
}

/** Makes everything but the client; all of it, clients included, ends with the test. */
export async function syncUnderTest(): Promise<SyncUnderTest> {
  const cleanup = new AsyncDisposableStack();
  const directory = cleanup.use(await temporaryDirectory());
  const controlPlane = cleanup.use(await startTestControlPlane({ authority }));
  const identity = createIdentitySource(newIdentity());
  const log = createLogRecorder();
  const bundles: TrustBundle[] = [];
  const interest = new Interest();
  const policies = createPolicySource(newIdentity().spiffeId, { fallback: 'anybody', rules: [] });
  return {
    controlPlane,
    identity,
    policies,
    interest,
    log,
    bundles,
    stateDirectory: directory.path,
    async client(settings = {}) {
      const saved = await openSavedView({
        view: createMeshView(),
        stateDirectory: directory.path,
        bundle: () => identity.current().bundle,
        policies,
        clock: settings.clock ?? systemClock,
        logger: log.logger,
      });
      const client = createSyncClient({
        identity,
        controlPlanes: await targetsOf([controlPlane], settings.clock ?? systemClock),
        instanceId: 'web-1',
        softwareVersion: '1.2.3',
        allow: [],
        hello: () => PLACE,
        report: () => REPORT,
        onBundle: (bundle) => void bundles.push(bundle),
        interest,
        saved,
        clock: systemClock,
        logger: log.logger,
        random: () => 0.1,
        ...settings,
      });
      cleanup.defer(() => client.close());
      return client;
    },
    [Symbol.asyncDispose]: () => cleanup.disposeAsync(),
  };
}

/** The same below another issuer: the stream moves to it at once. */
export function newIdentityOfNextIssuer(): ReturnType<typeof newIdentity> {
  const { root, bundle } = authority;
  const next = { trustDomain: bundle.trustDomain, nowMs: Date.now() };
  return newIdentity(createTestAuthority({ issuer: createIssuer(root, next) }));
}

/** An endpoint of the service `api`. */
export function api(instanceId: string, more: Partial<Endpoint> = {}): Endpoint {
  return {
    instanceId,
    spiffeId: 'spiffe://mesh.local/ns/shop/sa/api',
    addresses: ['127.0.0.2'],
    hbonePort: 15_008,
    ports: [80],
    anyPort: false,
    allAddresses: [],
    contests: [],
    ...more,
  };
}

/** A snapshot with the roots of the mesh. */
export function snapshot(version: number, endpoints: Endpoint[]): SyncResponse {
  const bundle = toBundleMessage(authority.bundle);
  return {
    version,
    change: {
      $case: 'snapshot',
      value: {
        endpoints,
        bundle,
        revocations: undefined,
        federated: undefined,
        complete: undefined,
        departed: [],
        policy: OPEN,
      },
    },
  };
}

/** A delta without roots. */
export function delta(
  version: number,
  upserted: Endpoint[],
  removed: string[] = [],
  policy?: Policy,
): SyncResponse {
  const unchanged = {
    bundle: undefined,
    revocations: undefined,
    federated: undefined,
    complete: undefined,
    departed: [],
    policy,
  };
  return { version, change: { $case: 'delta', value: { upserted, removed, ...unchanged } } };
}

/** True for the acknowledgement of this version. */
export function acknowledges(version: number): (request: SyncRequest) => boolean {
  return ({ message }) => message?.$case === 'acknowledgement' && message.value.version === version;
}
