import { parseSpiffeId } from '../../../common/pki/spiffe-id.ts';
import type {
  Authority,
  RootRotation,
  RotationBlocker,
} from '../../../proto/gen/hauberk/v1/admin.ts';
import { formatMoment, toTimestamp } from '../../output/relative-time.ts';
import { formatTable } from '../../output/table.ts';

/** Root, issuer, and how far a rotation is, for people. */
export function authorityReport(authority: Authority, nowMs: number): string {
  const { rootDigest, rootNotAfterMs, rootKeyHere, issuerNotAfterMs, rotation } = authority;
  const keyPlace = rootKeyHere ? '' : ', its key is kept elsewhere';
  return [
    `root    ${rootDigest}, expires ${formatMoment(rootNotAfterMs, nowMs)}${keyPlace}\n`,
    `issuer  expires ${formatMoment(issuerNotAfterMs, nowMs)}\n`,
    rotation === undefined
      ? 'no rotation of the root is under way\n'
      : rotationReport(rotation, nowMs),
  ].join('');
}

/** How far a rotation is, and whom it waits for. */
export function rotationReport(rotation: RootRotation, nowMs: number): string {
  const { done, total, blockers, awayTotal, deadlineMs } = rotation;
  const lines = [`${phaseOf(rotation)}: ${done} of ${total} ${WAITED_FOR[rotation.phase] ?? ''}\n`];
  if (deadlineMs !== undefined) {
    lines.push(`deadline: ${formatMoment(deadlineMs, nowMs)}\n`);
  }
  if (awayTotal > 0) {
    lines.push(`${awayTotal} disconnected: they catch up when they reconnect, and delay nothing\n`);
  }
  if (blockers.length > 0) {
    lines.push(
      'waiting for\n',
      formatTable(
        HEADER,
        blockers.map((one) => blockerRow(one, nowMs)),
      ),
    );
  }
  const hidden = total - done - blockers.length;
  if (hidden > 0) lines.push(`and ${hidden} more\n`);
  return lines.join('');
}

/** What would make a person look again: everything but times. */
export function rotationDigest({ phase, done, total, blockers, awayTotal }: RootRotation): string {
  const names = blockers.map(({ serial, instanceId, connected }) => [
    serial,
    instanceId,
    connected,
  ]);
  return JSON.stringify([phase, done, total, awayTotal, names]);
}

const WAITED_FOR: Readonly<Record<string, string>> = {
  prepared: 'sidecars trust both roots',
  signing: 'certificates in use chain to the new root',
};

function phaseOf({ phase, returning }: RootRotation): string {
  if (returning) return 'rotating back to the previous root';
  return phase === 'prepared' ? 'phase 1 of 2, prepared' : 'phase 2 of 2, signing';
}

const HEADER = ['SERVICE', 'NAMESPACE', 'INSTANCE', 'CONNECTED', 'CERTIFICATE', 'EXPIRES'];

/** Enough of a serial number to tell two apart. */
const SERIAL_DIGITS = 12;

function blockerRow(blocker: RotationBlocker, nowMs: number): string[] {
  const { spiffeId, instanceId = '', connected, serial = '', notAfterMs } = blocker;
  const { service, namespace } = parseSpiffeId(spiffeId);
  const expiry = notAfterMs === undefined ? '' : formatMoment(notAfterMs, nowMs);
  const place = [service, namespace, instanceId, connected ? 'yes' : 'no'];
  return [...place, serial.slice(0, SERIAL_DIGITS), expiry];
}

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
