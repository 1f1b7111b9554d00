import type { RootDigest, Rotation } from '../authorities/trust.ts';

/** A sidecar, as far as a rotation is concerned. */
export interface SidecarState {
  readonly instanceId: string;
  readonly spiffeId: string;
  readonly connected: boolean;
  /**
   * It is connected, or was so recently that it may be back any moment: also right after a restart
   * of the control plane, before sidecars are connected.
   */
  readonly expected: boolean;
  /** The trust bundle that it has taken into use, as it said itself; 0 when it said nothing yet. */
  readonly bundleVersion: number;
  /** Of the certificate with which it is, or was, connected; in lower case. */
  readonly certificateSerial: string;
}

/** A certificate of the issuance log. */
export interface LoggedCertificate {
  readonly serial: string;
  readonly spiffeId: string;
  /** The root that it leads to; empty when the log does not say. */
  readonly root: RootDigest;
  readonly issuedMs: number;
  readonly notAfterMs: number;
  /** The serial of the certificate that it was issued for as the next one. */
  readonly replaces?: string | undefined;
}

/** Everything that decides whether a phase is over. */
export interface RotationState {
  readonly nowMs: number;
  readonly sidecars: readonly SidecarState[];
  /**
   * All that may still be in use, but for the control plane's own and those that were revoked; expired
   * ones do no harm.
   */
  readonly certificates: readonly LoggedCertificate[];
  /** The phase has lasted for so long that who is connected and says nothing counts as away. */
  readonly overdue: boolean;
}

/** What a phase waits for. */
export type Blocker =
  | {
      /** It has not acknowledged the bundle with both roots. */
      readonly kind: 'sidecar';
      readonly instanceId: string;
      readonly spiffeId: string;
      readonly connected: boolean;
    }
  | {
      /** It may still be in use, and leads to the root that will be dropped. */
      readonly kind: 'certificate';
      readonly serial: string;
      readonly spiffeId: string;
      readonly notAfterMs: number;
      /** Who was seen with it last. */
      readonly instanceId?: string | undefined;
      readonly connected: boolean;
    };

/** How far a phase is. */
export interface Progress {
  /** How many of `total` are through. */
  readonly done: number;
  readonly total: number;
  readonly blockers: readonly Blocker[];
  /** Sidecars that are known, and were not there to acknowledge; they do not hold anything up. */
  readonly away: readonly SidecarState[];
  /** The phase is over. */
  readonly complete: boolean;
}

/** Judges how far the present phase is. */
export function judge(rotation: Rotation, state: RotationState): Progress {
  const { done, blockers } =
    rotation.phase === 'prepared' ? adoption(rotation, state) : replacement(rotation, state);
  return {
    done,
    total: done + blockers.length,
    blockers,
    away: state.sidecars.filter(
      ({ expected, bundleVersion }) =>
        (!expected || state.overdue) && bundleVersion < rotation.bundleVersion,
    ),
    complete: blockers.length === 0 || isPastDeadline(rotation, state.nowMs),
  };
}

/** Who has adopted the new root needs time to renew as well: half of the grace is for each. */
function isPastDeadline({ phase, phaseStartedMs, deadlineMs }: Rotation, nowMs: number): boolean {
  if (deadlineMs === undefined) return false;
  return nowMs >= (phase === 'prepared' ? (phaseStartedMs + deadlineMs) / 2 : deadlineMs);
}

type Tally = Pick<Progress, 'done' | 'blockers'>;

/** Every connected sidecar uses the bundle with both roots. */
function adoption(rotation: Rotation, state: RotationState): Tally {
  // With a deadline, the time of those who are there is not spent on others.
  const hasDeadline = rotation.deadlineMs !== undefined;
  const expected = state.sidecars.filter(({ connected, expected: known, bundleVersion }) => {
    if (state.overdue && bundleVersion < rotation.bundleVersion) return false;
    return hasDeadline ? connected : known;
  });
  const missing = expected.filter(({ bundleVersion }) => bundleVersion < rotation.bundleVersion);
  const blockers: Blocker[] = missing.map(({ instanceId, spiffeId, connected }) => ({
    kind: 'sidecar',
    instanceId,
    spiffeId,
    connected,
  }));
  // A cross-signature carries disconnected sidecars; without one each of them has to report first.
  if (!rotation.bridged) blockers.push(...unacknowledged(rotation, state));
  return { done: expected.length - missing.length, blockers };
}

/** Certificates of holders who have not said that they trust both roots. */
function unacknowledged(rotation: Rotation, state: RotationState): Blocker[] {
  const adopters = new Set(
    state.sidecars
      .filter(({ bundleVersion }) => bundleVersion >= rotation.bundleVersion)
      .map(({ certificateSerial }) => certificateSerial),
  );
  // Who is expected and has not acknowledged is named already, until it is overdue.
  const expected = state.overdue ? [] : state.sidecars.filter((sidecar) => sidecar.expected);
  const named = new Set(expected.map(({ certificateSerial }) => certificateSerial));
  const holders = holdersOf(state);
  return certificatesInUse(state)
    .filter(({ issuedMs }) => issuedMs <= rotation.startedMs)
    .filter(({ serial }) => !adopters.has(serial) && !named.has(serial))
    .map((certificate) => certificateBlocker(certificate, holders));
}

/** Nothing that is in use leads to the root that will be dropped. */
function replacement(rotation: Rotation, state: RotationState): Tally {
  const inUse = certificatesInUse(state);
  const old = inUse.filter(({ root }) => root !== rotation.to);
  const holders = holdersOf(state);
  return {
    done: inUse.length - old.length,
    blockers: old.map((certificate) => certificateBlocker(certificate, holders)),
  };
}

/** By the serial number of its certificate, the first sidecar that was seen with it last. */
function holdersOf({ sidecars }: Pick<RotationState, 'sidecars'>): Map<string, SidecarState> {
  return new Map(
    sidecars.map((sidecar) => [sidecar.certificateSerial, sidecar] as const).toReversed(),
  );
}

function certificateBlocker(
  { serial, spiffeId, notAfterMs }: LoggedCertificate,
  holders: ReadonlyMap<string, SidecarState>,
): Blocker {
  const holder = holders.get(serial);
  return {
    kind: 'certificate',
    serial,
    spiffeId,
    notAfterMs,
    instanceId: holder?.instanceId,
    connected: holder?.connected ?? false,
  };
}

/**
 * The certificates that a sidecar may still authenticate with.
 *
 * That the next one was issued does not mean that it arrived: a certificate is out of use when a
 * later one of its line was seen, because a sidecar is connected with it or has renewed it. And a
 * certificate with which a sidecar is connected is in use, whatever else is true.
 */
export function certificatesInUse(
  state: Omit<RotationState, 'overdue'>,
): readonly LoggedCertificate[] {
  const { nowMs, certificates, sidecars } = state;
  const bySerial = new Map(certificates.map((certificate) => [certificate.serial, certificate]));
  const connected = sidecars.filter((sidecar) => sidecar.connected);
  const shown = new Set(connected.map(({ certificateSerial }) => certificateSerial));
  const outOfUse = new Set<string>();
  const seen = sidecars.map(({ certificateSerial }) => certificateSerial);
  for (const { replaces } of certificates) if (replaces !== undefined) seen.push(replaces);
  for (const serial of seen) {
    let before = bySerial.get(serial)?.replaces;
    while (before !== undefined && !outOfUse.has(before)) {
      outOfUse.add(before);
      before = bySerial.get(before)?.replaces;
    }
  }
  return certificates.filter(
    ({ serial, notAfterMs }) => notAfterMs > nowMs && (shown.has(serial) || !outOfUse.has(serial)),
  );
}
