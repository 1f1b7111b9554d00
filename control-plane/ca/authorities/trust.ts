/**
 * How a mesh changes its root, as pure functions over plain values: what a phase waits for, and what
 * the mesh trusts, presents and signs with in each of them.
 *
 *              begin                  every sidecar has           no certificate that
 *              (new root, vouched     acknowledged                is in use leads to
 *               for by the present)   the bundle (adopted)        the former root
 *     stable ──────────────> prepared ──────────────────> signing ─────────────────────> stable
 *       ^                       │                           │  ^                   (former root
 *       │                     abort                       abort │                    is retired)
 *       └───────────────────────┘                           └──┘
 *                                                     (the roots change places)
 *
 *     phase      signs   bundle   comes along with every leaf
 *     stable     A       A
 *     prepared   A       A, B
 *     signing    B       B, A     B, cross-signed by A
 *     stable     B       B
 *
 * The root that signs is first in the bundle: a sidecar whose certificate does not chain to the
 * first root renews it at once.
 *
 * Why no sidecar is ever cut off: one that is not connected to acknowledge trusts A alone, and
 * trusts a leaf under B because the cross-signature comes along with it. Its own leaf is under A,
 * and A is dropped only when no such leaf is in use any more. A sidecar with a leaf under B was given the
 * bundle with B in the same answer. The roots may therefore change places back at any time before the
 * former one is dropped.
 *
 * B does not vouch for A. That is not needed, because no sidecar trusts B alone while there are leaves under
 * A; and it would let A speak for the mesh for years after it was dropped, if its key turned up.
 */

/** A root by its digest, as join tokens pin it. */
export type RootDigest = string;

/** A change of the root that is under way. */
export interface Rotation {
  readonly phase: 'prepared' | 'signing';
  /** The root that will be dropped. */
  readonly from: RootDigest;
  /** The root that will remain. */
  readonly to: RootDigest;
  /** The first bundle with both roots. */
  readonly bundleVersion: number;
  readonly startedMs: number;
  /** When the present phase began. */
  readonly phaseStartedMs: number;
  /** It was aborted while `to` signed: the roots have changed places. */
  readonly returning: boolean;
  /** A cross-signature by `from` carries disconnected sidecars. There is none when its key is not here. */
  readonly bridged: boolean;
  /** The key of `from` is compromised: nothing is waited for beyond this moment. */
  readonly deadlineMs?: number | undefined;
}

/** What a mesh trusts. */
export interface Trust {
  readonly bundleVersion: number;
  /** The root below which certificates are issued now. */
  readonly signing: RootDigest;
  readonly rotation?: Rotation | undefined;
}

/** How a rotation is to be done. */
export interface BeginOptions {
  readonly nowMs: number;
  readonly bridged: boolean;
  readonly deadlineMs?: number | undefined;
}

/** The roots in the order of the bundle: the one that signs comes first. */
export function trustedRoots({ signing, rotation }: Trust): readonly RootDigest[] {
  if (rotation === undefined) return [signing];
  return [signing, rotation.from === signing ? rotation.to : rotation.from];
}

/** Starts a rotation of a stable mesh: both roots are trusted, the present one signs. */
export function begin(trust: Trust, to: RootDigest, options: BeginOptions): Trust {
  const { nowMs, bridged, deadlineMs } = options;
  const bundleVersion = trust.bundleVersion + 1;
  return {
    ...trust,
    bundleVersion,
    rotation: {
      phase: 'prepared',
      from: trust.signing,
      to,
      bundleVersion,
      startedMs: nowMs,
      phaseStartedMs: nowMs,
      returning: false,
      bridged,
      deadlineMs,
    },
  };
}

/** The next phase, whose turn it is when `judge` says so. */
export function advance(trust: Trust, nowMs: number): Trust {
  const { rotation, bundleVersion } = trust;
  if (rotation === undefined) return trust;
  const next = { bundleVersion: bundleVersion + 1, signing: rotation.to };
  if (rotation.phase === 'signing') return next;
  return { ...next, rotation: { ...rotation, phase: 'signing', phaseStartedMs: nowMs } };
}

/**
 * The root that new join tokens pin: one that vouches for whatever signs while they are valid, whether
 * the rotation comes to its end or is aborted. Undefined while there is none.
 */
export function pinnedRoot({ signing, rotation }: Trust): RootDigest | undefined {
  if (rotation === undefined || !rotation.bridged) return signing;
  if (rotation.returning) return rotation.to;
  if (rotation.deadlineMs === undefined) return rotation.from;
  // The former root is compromised, and the new one does not vouch for it.
  return rotation.phase === 'signing' ? rotation.to : undefined;
}

/** Why a rotation cannot be aborted. */
export type NotAbortable = 'no-rotation' | 'returning' | 'compromised';

/** Says why it cannot be aborted now; undefined when it can. */
export function abortRefusal({ rotation }: Trust): NotAbortable | undefined {
  if (rotation === undefined) return 'no-rotation';
  if (rotation.returning) return 'returning';
  // Back to a root whose key was stolen there is no way once the other one signs.
  if (rotation.deadlineMs !== undefined && rotation.phase === 'signing') return 'compromised';
  return undefined;
}

/**
 * Back to the root before. Nothing is under the new one in `prepared`, so that it goes at once; in
 * `signing` the roots change places, and the new one is dropped when nothing in use leads to it.
 */
export function abort(trust: Trust, nowMs: number): Trust {
  const { rotation } = trust;
  if (rotation === undefined || abortRefusal(trust) !== undefined) return trust;
  const bundleVersion = trust.bundleVersion + 1;
  if (rotation.phase === 'prepared') return { bundleVersion, signing: rotation.from };
  const { from, to } = rotation;
  return {
    bundleVersion,
    signing: from,
    rotation: {
      ...rotation,
      from: to,
      to: from,
      returning: true,
      bridged: true,
      phaseStartedMs: nowMs,
    },
  };
}
