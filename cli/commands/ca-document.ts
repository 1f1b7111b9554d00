import type { AuthorityInfo, RotationInfo } from '../client-authority.ts';
import { toTimestamp } from '../output/relative-time.ts';

/** Root and issuer as `--json` prints them; docs/json-output.md describes it. */
export function authorityDocument(authority: AuthorityInfo): Readonly<Record<string, unknown>> {
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

function rotationDocument(rotation: RotationInfo) {
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
    blockers: rotation.blockers.map(
      ({ namespace, service, instanceId, connected, serial, notAfterMs }) => ({
        namespace,
        service,
        instance: instanceId ?? null,
        connected,
        serial: serial ?? null,
        notAfter: notAfterMs === undefined ? null : toTimestamp(notAfterMs),
      }),
    ),
    away: rotation.away.map(({ namespace, service, instanceId }) => ({
      namespace,
      service,
      instance: instanceId ?? null,
    })),
    awayTotal: rotation.awayTotal,
  };
}
