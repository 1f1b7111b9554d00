import type {
  Certificate as CertificateMessage,
  MeshConfig as MeshConfigMessage,
  OperatorCredential as OperatorMessage,
  RevocationEntry,
  Token as TokenMessage,
  Workload as WorkloadMessage,
} from '../../../proto/gen/hauberk/v1/admin.ts';
import type { Issuance } from '../../ca/issuance/record.ts';
import type { OperatorCredential } from '../../operators/operators.ts';
import type { ConfigVersion } from '../../policy/config-record.ts';
import type { Standing } from '../../registry/addresses/address-book.ts';
import type { KnownSidecar } from '../../registry/known-sidecars.ts';
import type { RevocationRecord } from '../../revocation/revocation-record.ts';
import { toContestMessage } from '../sync/messages.ts';
import type { Token } from '../../tokens/token.ts';

/** A token as operators see it. */
export function toTokenMessage(token: Token): TokenMessage {
  const { id, namespace, createdMs, expiresMs, uses } = token;
  return {
    id,
    namespace,
    service: token.service ?? '',
    createdMs,
    expiresMs,
    uses,
    usesAllowed: token.usesAllowed ?? 0,
    revokedMs: token.revokedMs ?? 0,
  };
}

/** An entry of the issuance log as operators see it. */
export function toCertificateMessage(issuance: Issuance): CertificateMessage {
  const { serial, spiffeId, issuedMs, notAfterMs, proof, tokenId = '' } = issuance;
  return { serial, spiffeId, issuedMs, notAfterMs, proof, tokenId };
}

const NO_STANDING: Standing = { proven: [], contests: [] };

/**
 * A sidecar as operators see it.
 *
 * @param standing of the addresses of one that is an endpoint
 */
export function toWorkloadMessage(
  sidecar: KnownSidecar,
  standing: Standing = NO_STANDING,
): WorkloadMessage {
  const { record, report, connected, connectedSinceMs } = sidecar;
  const { instanceId, spiffeId, addresses, hbonePort, ports, anyPort, softwareVersion } = record;
  const { allow } = record;
  return {
    instanceId,
    spiffeId,
    addresses: [...addresses],
    hbonePort,
    ports: [...ports],
    connected,
    connectedSinceMs: connected ? connectedSinceMs : 0,
    ...report,
    acknowledgedVersion: sidecar.acknowledgedVersion,
    bundleVersion: sidecar.bundleVersion,
    softwareVersion,
    anyPort,
    localAllow: allow === undefined ? undefined : { allowances: [...allow] },
    expected: sidecar.expected,
    provenAddresses: [...standing.proven],
    contests: standing.contests.map(toContestMessage),
  };
}

/** A version of the mesh configuration as operators see it. */
export function toMeshConfigMessage(config: ConfigVersion): MeshConfigMessage {
  const { version, document, appliedMs, origin } = config;
  return { version, document, appliedMs, origin };
}

/** A revocation as operators see it. */
export function toRevocationEntry(record: RevocationRecord): RevocationEntry {
  const { spiffeId, serial = '', revokedMs, readmittedMs = 0, expiresMs } = record;
  return { spiffeId, serial, revokedMs, readmittedMs, expiresMs };
}

/** A credential of an operator as operators see it. */
export function toOperatorCredential(credential: OperatorCredential): OperatorMessage {
  const { issuance, firstIssuedMs = 0, isRevoked, lastUse } = credential;
  const { serial, issuedMs, notAfterMs, proof, renewedFrom = '' } = issuance;
  return {
    serial,
    issuedMs,
    notAfterMs,
    proof,
    renewedFrom,
    firstIssuedMs,
    revoked: isRevoked,
    lastUsedMs: lastUse?.usedMs ?? 0,
    lastAddress: lastUse?.address ?? '',
    lastCall: lastUse?.call ?? '',
  };
}
