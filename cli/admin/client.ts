import type { MonotonicClock } from '../../common/clock.ts';
import type { HostPort } from '../../common/config/address.ts';
import { parseSpiffeId, spiffeId } from '../../common/pki/spiffe-id.ts';
import type { Closeable } from '../../common/lifecycle.ts';
import {
  createChannel,
  type ControlPlaneChannel,
  type UnaryMethod,
} from '../../common/rpc/channel.ts';
import { openControlPlaneTargets } from '../../common/rpc/control-plane-targets.ts';
import { RpcError } from '../../common/rpc/rpc-error.ts';
import {
  AdminService,
  type ApplyMeshConfigResponse,
  type Certificate,
  type CreateDashboardLinkRequest,
  type CreateTokenRequest,
  type FederateRequest,
  type FederatedDomain,
  type InstallIssuerRequest,
  type MeshConfig,
  type OwnBundle,
  type RequestIssuerRequest,
  type RevocationEntry,
  type RotateRootRequest,
  type TapRequest,
  type WatchTrafficRequest,
  type Workload,
} from '../../proto/gen/hauberk/v1/admin.ts';
import type { AdminCredential } from './credential.ts';

/** An answer about a workload, with the parts of its SPIFFE ID. */
export type Named<Answer> = Answer & { readonly namespace: string; readonly service: string };

/** A sidecar that the control plane has seen. */
export type WorkloadInfo = Named<Workload>;

/** One line of the issuance log. */
export type CertificateInfo = Named<Certificate>;

/** Certificates that were taken out of use. */
export type RevocationInfo = Named<RevocationEntry>;

/** The trust bundle of the mesh, and those of other trust domains. */
export interface BundleInfo extends OwnBundle {
  readonly federated: readonly FederatedDomain[];
}

/** What a change of the mesh configuration led to. */
export interface MeshConfigOutcome extends ApplyMeshConfigResponse {
  readonly config: MeshConfig;
}

/** A place in the chain over the issuance log; the hash in lower-case hexadecimal. */
export interface LogHead {
  readonly sequence: number;
  readonly hash: string;
}

/** What is to be revoked: a whole identity, or a certificate with what was renewed from it. */
export type RevocationTarget =
  | { readonly kind: 'identity'; readonly namespace: string; readonly service: string }
  | { readonly kind: 'serial'; readonly serial: string };

/** What a client is made of. */
export interface AdminClientOptions {
  readonly address: HostPort;
  readonly credential: AdminCredential;
}

/** The operators' side of the control plane. Every call fails with an RpcError in one sentence. */
export type AdminClient = ReturnType<typeof adminCalls> &
  ReturnType<typeof trafficCalls> &
  Closeable;

/** A person is waiting: no answer by now is an answer too. */
const TIMEOUT_MS = 10_000;

/** Of several control planes, one that is not connected to by then is left for the next. */
const CONNECT_TIMEOUT_MS = 2_000;

/** Connects with the first call; close it to let the process end. */
export function connectAdmin({ address, credential }: AdminClientOptions): AdminClient {
  return clientOn(channelTo(address, credential), credential);
}

/**
 * Connects to one of the control planes at these addresses that can be connected to: what a call changes is asked for once. When
 * none can, the calls say why.
 */
export async function connectAnyAdmin(
  addresses: readonly HostPort[],
  { clock, credential }: Pick<AdminClientOptions, 'credential'> & { clock: MonotonicClock },
): Promise<AdminClient> {
  const targets = await openControlPlaneTargets({ addresses, clock });
  await targets.close();
  const [first, ...others] = targets.inOrder();
  if (first === undefined) throw new RangeError('expected the address of a control plane');
  let channel = channelTo(first, credential);
  for (const next of others) {
    if (await channel.connects(CONNECT_TIMEOUT_MS)) break;
    channel.close();
    channel = channelTo(next, credential);
  }
  return clientOn(channel, credential);
}

function channelTo(
  address: HostPort,
  { trustDomain, roots, privateKey, chain }: AdminCredential,
): ControlPlaneChannel {
  return createChannel({ address, trustDomain, roots, identity: { privateKey, chain } });
}

function clientOn(channel: ControlPlaneChannel, { trustDomain }: AdminCredential): AdminClient {
  const call: Call = (method, request) => channel.call(method, request, { timeoutMs: TIMEOUT_MS });
  return {
    ...adminCalls(call, trustDomain),
    ...trafficCalls(channel),
    close: () => channel.close(),
  };
}

function trafficCalls(channel: Pick<ControlPlaneChannel, 'stream'>) {
  return {
    /** What passes between services, until the signal is aborted. */
    watchTraffic: (request: WatchTrafficRequest, signal: AbortSignal) =>
      channel.stream(AdminService.watchTraffic, request, signal),
    /** Connections and requests as they happen, likewise. */
    tap: (request: TapRequest, signal: AbortSignal) =>
      channel.stream(AdminService.tap, request, signal),
  };
}

function adminCalls(call: Call, trustDomain: string) {
  const idOf = ({ namespace, service }: { namespace: string; service: string }): string =>
    spiffeId({ trustDomain, namespace, service }).uri;
  const status = async () => {
    const { workloads, ...rest } = await call(AdminService.listWorkloads, {});
    return { workloads: workloads.map(named), ...rest };
  };
  return {
    /** The mesh's. */
    trustDomain,
    /** The only time that the token itself is to be had. */
    async createToken(request: CreateTokenRequest) {
      const { joinToken, token } = await call(AdminService.createToken, request);
      return { joinToken, token: required(token) };
    },
    listTokens: async () => (await call(AdminService.listTokens, {})).tokens,
    /** With certificates: also whatever the token led to; how many those were. */
    async revokeToken(id: string, { withCertificates } = { withCertificates: false }) {
      const answer = await call(AdminService.revokeToken, { id, withCertificates });
      return { token: required(answer.token), certificates: answer.certificates };
    },
    /** Checks the issuance log, and that a head which was noted before is still in it. */
    async verifyCertificates(noted: LogHead = { sequence: 0, hash: '' }) {
      const answer = await call(AdminService.verifyCertificates, noted);
      const { entries, links, headSequence: sequence, headHash: hash, findings } = answer;
      return { entries, links, head: { sequence, hash }, findings };
    },
    /** Names that the mesh has never seen are refused with `not-found`, unless `force` is set. */
    async revoke(revoked: RevocationTarget, { force } = { force: false }) {
      const target =
        revoked.kind === 'serial'
          ? ({ $case: 'serial', value: revoked.serial } as const)
          : ({ $case: 'spiffeId', value: idOf(revoked) } as const);
      return (await call(AdminService.revoke, { force, target })).revocations.map(named);
    },
    async readmit(identity: { namespace: string; service: string }) {
      const { revocation } = await call(AdminService.readmit, { spiffeId: idOf(identity) });
      return named(required(revocation));
    },
    /** Newest first. */
    listRevocations: async () =>
      (await call(AdminService.listRevocations, {})).revocations.map(named),
    listWorkloads: async () => (await status()).workloads,
    /** The same, and what there is to say about the control plane itself. */
    status,
    /** The identities that the mesh has seen. */
    listIdentities: async () =>
      (await call(AdminService.listIdentities, {})).spiffeIds.map(parseSpiffeId),
    /** Newest first. */
    async listCertificates({ limit, namespace, service }: CertificateFilter) {
      const whole = namespace !== undefined && service !== undefined;
      const partly = !whole && (namespace !== undefined || service !== undefined);
      const { certificates } = await call(AdminService.listCertificates, {
        // The control plane filters by whole identities only.
        limit: partly ? undefined : limit,
        spiffeId: whole ? idOf({ namespace, service }) : undefined,
      });
      return certificates
        .map(named)
        .filter((certificate) => namespace === undefined || certificate.namespace === namespace)
        .filter((certificate) => service === undefined || certificate.service === service)
        .slice(0, limit);
    },
    /** The credentials of operators that have not expired, newest first. */
    listOperators: async () => (await call(AdminService.listOperators, {})).credentials,
    /** What is in force, and the file that the control plane takes it from, when it does. */
    async getMeshConfig() {
      const { config, file } = await call(AdminService.getMeshConfig, {});
      return { ...required(config), file };
    },
    /** Applies a document, unless another version than the base is in force. */
    applyMeshConfig: async (
      document: string,
      options: { readonly baseVersion: number; readonly dryRun: boolean },
    ) => outcome(await call(AdminService.applyMeshConfig, { document, ...options })),
    /** Goes back to a version, or to the one before the present one. */
    rollbackMeshConfig: async (version: number | undefined) =>
      outcome(await call(AdminService.rollbackMeshConfig, { version })),
    /** Newest first, without documents. */
    listMeshConfigs: async () => (await call(AdminService.listMeshConfigs, {})).configs,
    /** What a sidecar believes, asked of the sidecar itself. */
    sidecarState: async (instanceId: string) =>
      required((await call(AdminService.getSidecarState, { instanceId, local: false })).state),
    /** Has sidecars look for the peers that they know. */
    checkPeers: () => call(AdminService.checkPeers, { local: false }),
    getAuthority: async () => required((await call(AdminService.getAuthority, {})).authority),
    rotateRoot: async (request: RotateRootRequest) =>
      required((await call(AdminService.rotateRoot, request)).authority),
    abortRotation: async () => required((await call(AdminService.abortRotation, {})).authority),
    /** A PKCS#10 request in PEM; `fresh` makes another key than the time before. */
    requestIssuer: async (request: RequestIssuerRequest) =>
      (await call(AdminService.requestIssuer, request)).csr,
    /** A chain in PEM; `newRoot` permits a rotation to its root. */
    installIssuer: async (request: InstallIssuerRequest) =>
      required((await call(AdminService.installIssuer, request)).authority),
    /** A secret: the browser that opens it signs in as this operator. */
    createDashboardLink: (request: CreateDashboardLinkRequest) =>
      call(AdminService.createDashboardLink, request),
    listBundle: async () => bundleInfo(await call(AdminService.listBundle, {})),
    /** Roots in PEM. */
    addRoot: async (pem: string) => bundleInfo(await call(AdminService.addRoot, { roots: pem })),
    removeRoot: async (digest: string) =>
      bundleInfo(await call(AdminService.removeRoot, { digest })),
    federate: async (request: FederateRequest) =>
      required((await call(AdminService.federate, request)).federated),
    async unfederate(domain: string): Promise<void> {
      await call(AdminService.unfederate, { trustDomain: domain });
    },
  };
}

/** Which certificates are asked for. */
export interface CertificateFilter {
  /** At most this many, the newest. */
  readonly limit: number;
  readonly namespace: string | undefined;
  readonly service: string | undefined;
}

/** Makes a call within the time that a person waits; rejects with an RpcError. */
type Call = <Request, Response>(
  method: UnaryMethod<Request, Response>,
  request: Request,
) => Promise<Response>;

function named<Answer extends { readonly spiffeId: string }>(answer: Answer): Named<Answer> {
  const { namespace, service } = parseSpiffeId(answer.spiffeId);
  return { ...answer, namespace, service };
}

function outcome(answer: ApplyMeshConfigResponse): MeshConfigOutcome {
  return { ...answer, config: required(answer.config) };
}

function bundleInfo(answer: {
  readonly bundle?: OwnBundle | undefined;
  readonly federated?: readonly FederatedDomain[];
}): BundleInfo {
  return { ...required(answer.bundle), federated: answer.federated ?? [] };
}

function required<Part>(part: Part | undefined): Part {
  if (part !== undefined) return part;
  throw new RpcError(
    'protocol',
    'expected a whole answer of the control plane, got a part of one',
    {
      hint: 'use a command of the version that the control plane has',
    },
  );
}
