import { parseSpiffeId } from '../../common/pki/spiffe-id.ts';
import type { Authority, RootRotation } from '../../proto/gen/hauberk/v1/admin.ts';
import { toTimestamp } from '../output/relative-time.ts';

/** Root and issuer as `--json` prints them; docs/json-output.md describes it. */
export function authorityDocument(authority: Authority): Readonly<Record<string, unknown>> {
  return {
    root: {
      digest: authority.rootDigest,
      notAfter: toTimestamp(authority.rootNotAfterMs),
      keyHere: authority.rootKeyHere,
    },
    issuer: {
      serial: authority.issuerSerial,
      notAfter: toTimestamp(authority.issuerNotAfterMs),
    },
    bundleVersion: authority.bundleVersion,
    rotation: authority.rotation === undefined ? null : rotationDocument(authority.rotation),
  };
}

function rotationDocument(rotation: RootRotation) {
  const { phase, returning, fromDigest, toDigest, done, total, deadlineMs } = rotation;
  return {
    phase,
    returning,
    from: fromDigest,
    to: toDigest,
    startedAt: toTimestamp(rotation.startedMs),
    phaseStartedAt: toTimestamp(rotation.phaseStartedMs),
    deadline: deadlineMs === undefined ? null : toTimestamp(deadlineMs),
    done,
    total,
    blockers: rotation.blockers.map(({ connected, serial, notAfterMs, ...sidecar }) => ({
      ...sidecarDocument(sidecar),
      connected,
      serial: serial ?? null,
      notAfter: notAfterMs === undefined ? null : toTimestamp(notAfterMs),
    })),
    away: rotation.away.map(sidecarDocument),
    awayTotal: rotation.awayTotal,
  };
}

function sidecarDocument(sidecar: { spiffeId: string; instanceId?: string | undefined }) {
  const { namespace, service } = parseSpiffeId(sidecar.spiffeId);
  return { namespace, service, instance: sidecar.instanceId ?? null };
}
