import type { Logger } from 'pino';
import type { Clock, MonotonicMs } from '../../../common/clock.ts';
import { momentOf, type Moment, momentAt } from '../../../common/dates.ts';
import { describeError } from '../../../common/errors.ts';
import type { Closeable } from '../../../common/lifecycle.ts';
import { repeat } from '../../../common/repeat.ts';
import type { Leader } from '../../leader/leader.ts';
import type { FencedStore } from '../../leader/fenced-store.ts';
import type { Operation, Store } from '../../store/store.ts';
import { makePair, trustOf, type Authorities } from '../authorities/authorities.ts';
import type { AuthoritySource } from '../authorities/source.ts';
import { CaError } from '../ca-error.ts';
import { judge, type LoggedCertificate, type Progress, type SidecarState } from './progress.ts';
import type { Rotation } from '../authorities/trust.ts';
import {
  abortOperations,
  advanceOperations,
  beginOperations,
  deadlineOperations,
} from './transitions.ts';
import { followIssuances } from '../issuance/entries.ts';

/** What rotating the root takes. */
export interface RootRotationOptions {
  readonly authorities: AuthoritySource;
  readonly store: Store;
  /** Only the leader goes on to the next phase; operators begin and abort anywhere. */
  readonly leader: Pick<Leader, 'isLeader'>;
  readonly leading: FencedStore;
  readonly trustDomain: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Every known sidecar. */
  readonly sidecars: () => readonly SidecarState[];
  /** For so long a phase must look complete: as late as `sidecars` may be. */
  readonly settleMs: () => number;
  /** No sidecar authenticates with it any more, however long it is valid. */
  readonly isRevoked: (certificate: LoggedCertificate) => boolean;
}

/** Where a rotation is. */
export interface RotationStatus {
  readonly rotation: Rotation;
  readonly progress: Progress;
}

/** Rotates the root: see the picture in rotation.ts. One at a time; it goes on after a restart. */
export interface RootRotation extends Closeable {
  /** Undefined when none is under way. */
  status(): RotationStatus | undefined;
  /**
   * Starts a rotation. While one is under way it goes on; when the key was stolen meanwhile, it goes
   * on with a deadline.
   *
   * @param compromisedGraceMs the key of the root is compromised: sidecars are waited for no longer than this
   * @throws CaError `rotation-under-way`, `root-key-elsewhere`, `authority-busy`; StoreError
   */
  rotate(options: { readonly compromisedGraceMs?: number | undefined }): Promise<void>;
  /** Takes up a rotation that was begun elsewhere, when there is one. @throws StoreError */
  attend(): Promise<void>;
  /** @throws CaError `rotation-not-abortable`, `authority-busy`; StoreError */
  abort(): Promise<void>;
  close(): void | Promise<void>;
}

/**
 * Far longer than a sidecar that works takes to acknowledge a bundle, also when five thousand of them do
 * so at once. Who is connected and has not done it by then counts as away: a peer that does nothing
 * would otherwise keep a root in use for as long as it likes.
 */
export const ACKNOWLEDGE_TIMEOUT_MS = 60_000;

/** Often enough that a person who watches does not wait for it. */
const TICK_MS = 500;

/** Takes up a rotation that is under way, and goes on with it until it is closed. */
export async function openRootRotation(options: RootRotationOptions): Promise<RootRotation> {
  const { authorities, store, leader, leading, trustDomain, clock, logger } = options;
  const { sidecars, settleMs, isRevoked } = options;
  let certificates: LiveCertificates | undefined;
  /** The phase in which they were read, by its beginning. */
  let readInMs: number | undefined;
  let closed = false;
  let completeSince: MonotonicMs | undefined;
  /** Since when this process has seen the present phase, and the deadline of the rotation. */
  let phase: { readonly startedMs: number; readonly seen: Moment } | undefined;
  let grace: { readonly of: string; readonly seen: Moment } | undefined;

  const isOverdue = ({ phaseStartedMs }: Rotation): boolean => {
    if (phase?.startedMs !== phaseStartedMs) {
      phase = { startedMs: phaseStartedMs, seen: momentOf(clock) };
    }
    return clock.monotonicMs() - phase.seen.monotonicMs >= ACKNOWLEDGE_TIMEOUT_MS;
  };
  /** The date, but for steps of the wall clock, which must neither cut the grace short nor draw it out. */
  const steadyNowMs = ({ to, deadlineMs }: Rotation): number => {
    // Over all phases: by a clock that was set meanwhile, the deadline would be another one.
    const of = `${to} ${deadlineMs}`;
    if (grace?.of !== of) grace = { of, seen: momentOf(clock) };
    const { epochMs, monotonicMs } = grace.seen;
    return epochMs + Math.floor(clock.monotonicMs() - monotonicMs);
  };
  const status = (present = authorities.current()): RotationStatus | undefined => {
    const { rotation } = trustOf(present);
    if (rotation === undefined || certificates === undefined) return undefined;
    const nowMs = steadyNowMs(rotation);
    const state = {
      nowMs,
      sidecars: sidecars(),
      certificates: certificates.list(nowMs).filter((certificate) => !isRevoked(certificate)),
      overdue: isOverdue(rotation),
    };
    return { rotation, progress: judge(rotation, state) };
  };
  /** Everything that the log holds is known before anything is judged. */
  const follow = async (): Promise<void> => {
    const startedMs = authorities.current().rotation?.rotation.phaseStartedMs;
    if (certificates !== undefined && readInMs === startedMs) return;
    // Read again in each phase: what the former issuer signed is in the log now to the last entry. Until then
    // the entries from before are what is known, so that the rotation is not reported as complete.
    const followed = certificates;
    certificates = await openLiveCertificates(store, clock, followed);
    readInMs = startedMs;
    await followed?.close();
  };
  const unfollow = async (): Promise<void> => {
    const followed = certificates;
    certificates = undefined;
    await followed?.close();
  };

  const step = async (): Promise<void> => {
    if (authorities.current().rotation === undefined) return unfollow();
    await follow();
    if (status()?.progress.complete !== true || !leader.isLeader) {
      completeSince = undefined;
      return;
    }
    // A sidecar that has connected elsewhere with an old certificate is known here so much later.
    completeSince ??= clock.monotonicMs();
    if (clock.monotonicMs() - completeSince < settleMs()) return;
    completeSince = undefined;
    const before = authorities.current();
    // Nothing is written on top of anything else than what was judged.
    const after = await authorities.change(
      (present) => (present === before ? advanceOperations(present, clock.epochMs()) : []),
      leading,
    );
    if (after === before) return;
    logPhase(logger, before, after);
    await (after.rotation === undefined ? unfollow() : follow());
  };
  const tick = async (): Promise<void> => {
    try {
      await step();
    } catch (error) {
      if (closed) return;
      logger.error(
        { event: 'root-rotation-stuck', err: error },
        `the rotation of the root could not continue, and will be tried again: ${describeError(error)}`,
      );
    }
  };
  if (authorities.current().rotation !== undefined) {
    await follow();
    const line = { event: 'root-rotation-resumed' };
    logger.info(line, 'a rotation of the root is under way and continues');
  }
  const ticks = repeat(clock, TICK_MS, tick);

  /** Starts, or says what else is to be done with the rotation that is under way. */
  const plan = (present: Authorities, deadlineMs: number | undefined): Operation[] => {
    const nowMs = clock.epochMs();
    const { rotation } = trustOf(present);
    if (rotation === undefined) {
      if (present.root.privateKey === undefined) {
        throw new CaError(
          'root-key-elsewhere',
          'the key of the root is kept elsewhere, so that its successor has to be made there',
          {
            hint: 'an issuer below another root is for a new mesh: see docs/upstream-authority.md',
          },
        );
      }
      const pair = makePair(trustDomain, nowMs);
      return beginOperations(present, { pair, trustDomain, nowMs, deadlineMs });
    }
    if (rotation.returning) {
      throw new CaError('rotation-under-way', 'a rotation of the root is being aborted', {
        hint: 'wait until `hauberk ca status` says that none is under way',
      });
    }
    if (deadlineMs === undefined || rotation.deadlineMs !== undefined) return [];
    return deadlineOperations(present, { nowMs, deadlineMs });
  };

  return {
    status: () => status(),
    async rotate({ compromisedGraceMs }) {
      const deadlineMs =
        compromisedGraceMs === undefined ? undefined : clock.epochMs() + compromisedGraceMs;
      await follow();
      const before = authorities.current();
      const after = await authorities.change((present) => plan(present, deadlineMs));
      if (after !== before) logPhase(logger, before, after);
    },
    async attend() {
      if (authorities.current().rotation !== undefined) await follow();
    },
    async abort() {
      const before = authorities.current();
      const nowMs = clock.epochMs();
      logPhase(logger, before, await authorities.change((now) => abortOperations(now, nowMs)));
    },
    close() {
      closed = true;
      ticks.stop();
      return unfollow();
    },
  };
}

function logPhase(logger: Logger, before: Authorities, after: Authorities): void {
  const [was, is] = [trustOf(before), trustOf(after)];
  const phase = is.rotation?.phase ?? 'stable';
  const line = {
    event: 'root-rotation-phase',
    phase,
    before: was.rotation?.phase ?? 'stable',
    returning: is.rotation?.returning ?? false,
    compromised: is.rotation?.deadlineMs !== undefined,
    root: is.signing,
    bundleVersion: is.bundleVersion,
  };
  logger.warn(line, `the rotation of the root ${SENTENCES[phase]}`);
}

const SENTENCES = {
  prepared: 'has begun: every sidecar learns to trust the new root, too',
  signing: 'continues: certificates are issued below the other root',
  stable: 'is complete: one root is trusted',
};

/** The certificates of sidecars and operators that may still be in use. */
interface LiveCertificates extends Closeable {
  /** @param nowMs the date by which `notAfterMs` is told */
  list(nowMs: number): readonly LoggedCertificate[];
  /** When it ends, as it was to end when it was first seen. */
  endOf(serial: string): Moment | undefined;
}

/**
 * Reads the issuance log, and follows it until it is closed.
 *
 * @param before what this process knew of it until now
 * @throws StoreError
 */
async function openLiveCertificates(
  store: Store,
  clock: Clock,
  before?: LiveCertificates,
): Promise<LiveCertificates> {
  // Each lives as long as it was to live when it was first seen here: a wall clock that is set forward must
  // not make a root be dropped that certificates in use lead to.
  const bySerial = new Map<string, LoggedCertificate & { readonly ends: Moment }>();
  const following = await followIssuances(store, (issuance) => {
    // Those of the control plane itself are renewed in each phase.
    if (issuance.proof === 'self') return;
    const { serial, spiffeId, root = '', issuedMs, notAfterMs, renewedFrom } = issuance;
    const fact = { serial, spiffeId, root, issuedMs, notAfterMs, replaces: renewedFrom };
    bySerial.set(serial, { ...fact, ends: before?.endOf(serial) ?? momentAt(clock, notAfterMs) });
  });
  return {
    list(nowMs) {
      const monotonicMs = clock.monotonicMs();
      const listed: LoggedCertificate[] = [];
      for (const [serial, { ends, ...fact }] of bySerial) {
        const leftMs = ends.monotonicMs - monotonicMs;
        if (leftMs <= 0) bySerial.delete(serial);
        listed.push({ ...fact, notAfterMs: Math.round(nowMs + leftMs) });
      }
      return listed;
    },
    endOf: (serial) => bySerial.get(serial)?.ends,
    close: () => following.close(),
  };
}
