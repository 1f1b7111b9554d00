import { Metadata } from '@grpc/grpc-js';
import type { LocalAllowance } from '../common/authorization/local-policy.ts';
import type { HostPort } from '../common/config/address.ts';
import type { Closeable } from '../common/lifecycle.ts';
import { parseSpiffeId, spiffeId } from '../common/pki/spiffe-id.ts';
import { createChannel, type ControlPlaneChannel } from '../common/rpc/channel.ts';
import { callDeadline } from '../common/rpc/deadline.ts';
import { AdminClient as AdminStub } from '../proto/gen/hauberk/v1/admin.ts';
import type * as wire from '../proto/gen/hauberk/v1/admin.ts';
import { type AuthorityClient, authorityCalls } from './client-authority.ts';
import {
  type BundleClient,
  bundleCalls,
  type FederatedInfo,
  toFederated,
} from './client-bundle.ts';
import type { Ask } from './client-call.ts';
import { type MeshConfigClient, meshConfigCalls } from './client-mesh-config.ts';
import { operatorCalls, type OperatorsClient } from './client-operators.ts';
import type { AdminCredential } from './credential.ts';

/** A join token without its secret. */
export interface TokenInfo {
  readonly id: string;
  readonly namespace: string;
  /** Undefined: any service of the namespace. */
  readonly service: string | undefined;
  readonly createdMs: number;
  readonly expiresMs: number;
  readonly uses: number;
  /** Undefined: without limit. */
  readonly usesAllowed: number | undefined;
  readonly revokedMs: number | undefined;
}

/** What a token is to be good for. */
export interface TokenRequest {
  readonly namespace: string;
  readonly service: string | undefined;
  readonly ttlSeconds: number;
  /** Undefined: without limit. */
  readonly uses: number | undefined;
}

/** What a sidecar let through without encryption since it started. */
export interface PlaintextTraffic {
  readonly connections: number;
  /** How many pairs of address and port there are, as far as they were told apart. */
  readonly flows: number;
  /** The ones with the most connections. */
  readonly mostUsed: readonly {
    /** True when the application was called, false when it called. */
    readonly inbound: boolean;
    /** IP address of the other side. */
    readonly address: string;
    /** The port that was called. */
    readonly port: number;
    readonly connections: number;
  }[];
}

/** What stands in the way from a sidecar to a server outside. */
export interface OutsideState {
  readonly host: string;
  readonly port: number;
  /** `ready`, or what is wrong in one word. */
  readonly condition: string;
  /** A sentence; empty when nothing is wrong. */
  readonly why: string;
}

/** An address and ports that a sidecar claims, and another identity held before. */
export interface AddressContestInfo {
  readonly address: string;
  /** SPIFFE ID of who holds them. */
  readonly holder: string;
  /** None: every port. */
  readonly ports: readonly number[];
}

/** A sidecar that the control plane has seen. */
export interface WorkloadInfo {
  readonly namespace: string;
  readonly service: string;
  readonly instanceId: string;
  /** The preferred one first. */
  readonly addresses: readonly string[];
  /** Those at which it is proven to be. */
  readonly provenAddresses: readonly string[];
  /** Where another identity was first. */
  readonly contests: readonly AddressContestInfo[];
  readonly hbonePort: number;
  readonly ports: readonly number[];
  /** Peers may reach every port, not only those. */
  readonly anyPort: boolean;
  readonly connected: boolean;
  readonly connectedSinceMs: number | undefined;
  readonly certificateSerial: string | undefined;
  readonly certificateNotAfterMs: number | undefined;
  readonly openConnections: number;
  readonly openTunnels: number;
  readonly totalConnections: number;
  readonly softwareVersion: string;
  /** Version of the view of the mesh that it has in use. */
  readonly acknowledgedVersion: number;
  readonly plaintext: PlaintextTraffic;
  /** Whom it lets in at which ports by its own `--allow`; undefined when it did not tell. */
  readonly allow: readonly LocalAllowance[] | undefined;
  /** It is connected, or lost so short a time ago that peers may still call it. */
  readonly expected: boolean;
  /** The servers outside that it has a way to, and what stands in it. */
  readonly egress: readonly OutsideState[];
  /** Its upstreams that no sidecar has exposed since it started, as `SERVICE.NAMESPACE:PORT`. */
  readonly missingUpstreams: readonly string[];
}

/** One line of the issuance log. */
export interface CertificateInfo {
  readonly serial: string;
  readonly namespace: string;
  readonly service: string;
  readonly issuedMs: number;
  readonly notAfterMs: number;
  /** `token` or `renewal`. */
  readonly proof: string;
  readonly tokenId: string | undefined;
}

/** A place in the chain over the issuance log. */
export interface LogHead {
  readonly sequence: number;
  /** In lower-case hexadecimal. */
  readonly hash: string;
}

/** What was found about the issuance log. */
export interface LogReport {
  readonly entries: number;
  readonly links: number;
  readonly head: LogHead;
  /** What is wrong, each in a sentence. */
  readonly findings: readonly string[];
}

/** Certificates that were taken out of use. */
export interface RevocationInfo {
  readonly namespace: string;
  readonly service: string;
  /** Undefined: the whole identity. */
  readonly serial: string | undefined;
  readonly revokedMs: number;
  /** Since then the identity may have new certificates. */
  readonly readmittedMs: number | undefined;
  /** When the last certificate that it concerns has expired. */
  readonly expiresMs: number;
}

/** What is to be revoked: a whole identity, or a certificate with what was renewed from it. */
export type RevocationTarget =
  | { readonly kind: 'identity'; readonly namespace: string; readonly service: string }
  | { readonly kind: 'serial'; readonly serial: string };

/** Which certificates are asked for. */
export interface CertificateFilter {
  /** At most this many, the newest. */
  readonly limit: number;
  readonly namespace: string | undefined;
  readonly service: string | undefined;
}

/** The operators' side of the control plane. Every call fails with an RpcError in one sentence. */
export interface AdminClient
  extends MeshConfigClient, AuthorityClient, BundleClient, OperatorsClient, Closeable {
  /** The mesh's. */
  readonly trustDomain: string;
  /** The only time that the token itself is to be had. */
  createToken(request: TokenRequest): Promise<{ joinToken: string; token: TokenInfo }>;
  listTokens(): Promise<TokenInfo[]>;
  /** With certificates: also whatever the token led to; how many those were. */
  revokeToken(
    id: string,
    options?: { readonly withCertificates: boolean },
  ): Promise<{ token: TokenInfo; certificates: number }>;
  /** Checks the issuance log, and that a head which was noted before is still in it. */
  verifyCertificates(noted: LogHead | undefined): Promise<LogReport>;
  /** Names that the mesh has never seen are refused with `not-found`, unless `force` is set. */
  revoke(
    target: RevocationTarget,
    options?: { readonly force: boolean },
  ): Promise<RevocationInfo[]>;
  readmit(identity: { namespace: string; service: string }): Promise<RevocationInfo>;
  /** Newest first. */
  listRevocations(): Promise<RevocationInfo[]>;
  listWorkloads(): Promise<WorkloadInfo[]>;
  /** The same, and what there is to say about the control plane itself. */
  status(): Promise<{
    workloads: WorkloadInfo[];
    keysEncrypted: boolean;
    federated: FederatedInfo[];
  }>;
  /** The identities that the mesh has seen, as `NAMESPACE/SERVICE`. */
  listIdentities(): Promise<string[]>;
  /** Newest first. */
  listCertificates(filter: CertificateFilter): Promise<CertificateInfo[]>;
}

/** What a client is made of. */
export interface AdminClientOptions {
  readonly address: HostPort;
  readonly credential: AdminCredential;
}

/** A person is waiting: no answer by now is an answer too. */
const DEADLINE_MS = 10_000;

/** Connects with the first call; close it to let the process end. */
export function connectAdmin({ address, credential }: AdminClientOptions): AdminClient {
  const { trustDomain, roots, privateKey, chain } = credential;
  const channel = createChannel({ address, trustDomain, roots, identity: { privateKey, chain } });
  const stub = channel.client(AdminStub);
  const ask = asker(channel);
  const status: AdminClient['status'] = async () => {
    const { workloads, keysEncrypted, federated } = await ask<wire.ListWorkloadsResponse>(
      (...rest) => stub.listWorkloads({}, ...rest),
    );
    const domains = federated.map(toFederated);
    return { workloads: workloads.map(toWorkload), keysEncrypted, federated: domains };
  };
  return {
    async createToken({ namespace, service = '', ttlSeconds, uses = 0 }) {
      const request = { namespace, service, ttlSeconds, uses };
      const { joinToken, token } = await ask<wire.CreateTokenResponse>((...rest) =>
        stub.createToken(request, ...rest),
      );
      return { joinToken, token: toToken(token) };
    },
    async listTokens() {
      const { tokens } = await ask<wire.ListTokensResponse>((...rest) =>
        stub.listTokens({}, ...rest),
      );
      return tokens.map(toToken);
    },
    async revokeToken(id, { withCertificates } = { withCertificates: false }) {
      const { token, certificates } = await ask<wire.RevokeTokenResponse>((...rest) =>
        stub.revokeToken({ id, withCertificates }, ...rest),
      );
      return { token: toToken(token), certificates };
    },
    async verifyCertificates(noted = { sequence: 0, hash: '' }) {
      const { entries, links, headSequence, headHash, findings } =
        await ask<wire.VerifyCertificatesResponse>((...rest) =>
          stub.verifyCertificates({ ...noted }, ...rest),
        );
      const head = { sequence: headSequence, hash: headHash };
      return { entries, links, head, findings };
    },
    async revoke(target, { force } = { force: false }) {
      const request: wire.RevokeRequest = {
        force,
        target:
          target.kind === 'serial'
            ? { $case: 'serial', value: target.serial }
            : { $case: 'spiffeId', value: spiffeId({ trustDomain, ...target }).uri },
      };
      const { revocations } = await ask<wire.RevokeResponse>((...rest) =>
        stub.revoke(request, ...rest),
      );
      return revocations.map(toRevocation);
    },
    async readmit(identity) {
      const request = { spiffeId: spiffeId({ trustDomain, ...identity }).uri };
      const { revocation } = await ask<wire.ReadmitResponse>((...rest) =>
        stub.readmit(request, ...rest),
      );
      return toRevocation(revocation);
    },
    async listRevocations() {
      const { revocations } = await ask<wire.ListRevocationsResponse>((...rest) =>
        stub.listRevocations({}, ...rest),
      );
      return revocations.map(toRevocation);
    },
    listWorkloads: async () => (await status()).workloads,
    status,
    async listIdentities() {
      const { spiffeIds } = await ask<wire.ListIdentitiesResponse>((...rest) =>
        stub.listIdentities({}, ...rest),
      );
      return spiffeIds
        .map(parseSpiffeId)
        .map(({ namespace, service }) => `${namespace}/${service}`);
    },
    async listCertificates({ limit, namespace, service }) {
      const exact = namespace !== undefined && service !== undefined;
      const partly = !exact && (namespace !== undefined || service !== undefined);
      const request = {
        // The control plane filters by whole identities only.
        limit: partly ? 0 : limit,
        spiffeId: exact ? spiffeId({ trustDomain, namespace, service }).uri : '',
      };
      const { certificates } = await ask<wire.ListCertificatesResponse>((...rest) =>
        stub.listCertificates(request, ...rest),
      );
      return certificates
        .map(toCertificate)
        .filter((certificate) => namespace === undefined || certificate.namespace === namespace)
        .filter((certificate) => service === undefined || certificate.service === service)
        .slice(0, limit);
    },
    trustDomain,
    ...meshConfigCalls(stub, ask),
    ...authorityCalls(stub, ask),
    ...bundleCalls(stub, ask),
    ...operatorCalls(stub, ask),
    close: () => channel.close(),
  };
}

function asker(channel: ControlPlaneChannel): Ask {
  return (start) =>
    new Promise((resolve, reject) => {
      const options = { deadline: callDeadline(DEADLINE_MS) };
      start(new Metadata(), options, (error, response) => {
        if (error === null) resolve(response);
        else reject(channel.explain(error));
      });
    });
}

function toToken(token: wire.Token | undefined): TokenInfo {
  const { id = '', namespace = '', service, createdMs = 0, expiresMs = 0, uses = 0 } = token ?? {};
  return {
    id,
    namespace,
    service: service || undefined,
    createdMs,
    expiresMs,
    uses,
    usesAllowed: token?.usesAllowed || undefined,
    revokedMs: token?.revokedMs || undefined,
  };
}

function toRevocation(entry: wire.RevocationEntry | undefined): RevocationInfo {
  const { namespace, service } = parseSpiffeId(entry?.spiffeId ?? '');
  return {
    namespace,
    service,
    serial: entry?.serial || undefined,
    revokedMs: entry?.revokedMs ?? 0,
    readmittedMs: entry?.readmittedMs || undefined,
    expiresMs: entry?.expiresMs ?? 0,
  };
}

function toWorkload(workload: wire.Workload): WorkloadInfo {
  const { namespace, service } = parseSpiffeId(workload.spiffeId);
  return {
    namespace,
    service,
    instanceId: workload.instanceId,
    addresses: workload.addresses,
    provenAddresses: workload.provenAddresses,
    contests: workload.contests.map(({ address, holder, ports }) => ({ address, holder, ports })),
    hbonePort: workload.hbonePort,
    ports: workload.ports,
    anyPort: workload.anyPort,
    connected: workload.connected,
    connectedSinceMs: workload.connectedSinceMs || undefined,
    certificateSerial: workload.certificateSerial || undefined,
    certificateNotAfterMs: workload.certificateNotAfterMs || undefined,
    openConnections: workload.openConnections,
    openTunnels: workload.openTunnels,
    totalConnections: workload.totalConnections,
    softwareVersion: workload.softwareVersion,
    acknowledgedVersion: workload.acknowledgedVersion,
    plaintext: workload.plaintext ?? { connections: 0, flows: 0, mostUsed: [] },
    allow: workload.localAllow?.allowances,
    expected: workload.connected || workload.expected,
    egress: workload.egress,
    missingUpstreams: workload.missingUpstreams,
  };
}

function toCertificate(certificate: wire.Certificate): CertificateInfo {
  const { namespace, service } = parseSpiffeId(certificate.spiffeId);
  const { serial, issuedMs, notAfterMs, proof, tokenId } = certificate;
  return { serial, namespace, service, issuedMs, notAfterMs, proof, tokenId: tokenId || undefined };
}
