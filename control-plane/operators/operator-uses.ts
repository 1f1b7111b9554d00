import { z } from 'zod';
import type { Logger } from 'pino';
import type { Clock, WallClock } from '../../common/clock.ts';
import { describeError } from '../../common/errors.ts';
import type { Guard } from '../../common/guard.ts';
import type { Closeable } from '../../common/lifecycle.ts';
import { recordCodec } from '../store/record-codec.ts';
import type { FencedStore } from '../leader/fenced-store.ts';
import type { Entry, Store } from '../store/store.ts';
import type { RevocationList } from '../../common/pki/revocation.ts';
import { adminId } from '../../common/pki/spiffe-id.ts';
import type { OperatorCredential } from '../../proto/gen/hauberk/v1/admin.ts';
import type { CertificateAuthority } from '../ca/certificate-authority.ts';
import { firstIssuedMs } from './operator-renewal.ts';

/** Where each credential was used last: operator-uses/<serial>. */
const USES_PREFIX = 'operator-uses/';

/** A script that calls in a loop is written down now and then; what is listed is always the last. */
const WRITE_INTERVAL_MS = 10_000;

const useRecord = z.object({ usedMs: z.number(), address: z.string(), call: z.string() });
const useCodec = recordCodec('a use of a credential', useRecord);

/** When, from where and for what a credential was used last. */
export type OperatorUse = Readonly<z.infer<typeof useRecord>>;

/** What keeping them takes. */
export interface OperatorUsesOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly guard: Guard;
}

/** Remembers where operators' credentials were used last, over restarts. */
export interface OperatorUses extends Closeable {
  /** Never throws: a call does not fail because it could not be written down. */
  used(serial: string, use: Omit<OperatorUse, 'usedMs'>): void;
  /** By serial number. */
  all(): ReadonlyMap<string, OperatorUse>;
  /** Forgets credentials that are none of these; for the leader. */
  keep(serials: ReadonlySet<string>, leading: FencedStore): Promise<void>;
  /** Resolves when what is known has been written. */
  close(): Promise<void>;
}

/** Reads what is known. @throws StoreError */
export async function openOperatorUses(options: OperatorUsesOptions): Promise<OperatorUses> {
  const { store, clock, logger, guard } = options;
  const { entries, revision } = await store.range(USES_PREFIX);
  const uses = new Map<string, OperatorUse>();
  const take = (entry: Entry): void => {
    const use = useCodec.decodeIfSound(entry);
    const serial = entry.key.slice(USES_PREFIX.length);
    if (use !== undefined && use.usedMs > (uses.get(serial)?.usedMs ?? 0)) uses.set(serial, use);
  };
  for (const entry of entries) take(entry);
  // Of other control planes.
  const watch = await store.watch(USES_PREFIX, revision + 1, ({ events }) => {
    for (const event of events) if (event.kind === 'put') take(event.entry);
  });
  /** When each was written last; those that have changed since are `unwritten`. */
  const writtenMs = new Map<string, number>();
  const unwritten = new Set<string>();
  let writing: Promise<void> = Promise.resolve();

  /** Unless another control plane has written a later one. */
  const writeLatest = async (serial: string, use: OperatorUse, value: Buffer): Promise<void> => {
    const key = USES_PREFIX + serial;
    for (;;) {
      const entry = await store.get(key);
      const stored = entry && useCodec.decodeIfSound(entry);
      if (stored !== undefined && stored.usedMs >= use.usedMs) return;
      const compare = { key, modRevision: entry?.modRevision ?? 0 };
      const { succeeded } = await store.transact([compare], [{ kind: 'put', key, value }]);
      if (succeeded) return;
    }
  };
  const write = async (serial: string): Promise<void> => {
    const use = uses.get(serial);
    if (use === undefined) return;
    unwritten.delete(serial);
    const value = useCodec.encode(use);
    try {
      await writeLatest(serial, use, value);
    } catch (error) {
      unwritten.add(serial);
      const sentence = `the last use of the credential ${serial} is not written: ${describeError(error)}`;
      logger.warn({ event: 'operator-use-not-written', serial }, sentence);
    }
  };
  return {
    used(serial, use) {
      uses.set(serial, { ...use, usedMs: clock.epochMs() });
      unwritten.add(serial);
      const nowMs = clock.monotonicMs();
      if (nowMs - (writtenMs.get(serial) ?? Number.NEGATIVE_INFINITY) < WRITE_INTERVAL_MS) return;
      writtenMs.set(serial, nowMs);
      writing = writing.then(() => write(serial));
      guard.promise('admin', writing);
    },
    all: () => uses,
    async keep(serials, leading) {
      const gone = [...uses.keys()].filter((serial) => !serials.has(serial));
      for (const serial of gone) {
        for (const known of [uses, unwritten, writtenMs]) known.delete(serial);
        await leading.transact([], [{ kind: 'delete', key: USES_PREFIX + serial }]);
      }
    },
    async close() {
      await writing;
      for (const serial of unwritten) await write(serial);
      await watch.close();
    },
  };
}

/** What listing them takes. */
interface OperatorsOptions {
  readonly ca: Pick<CertificateAuthority, 'issuancesOf' | 'trustDomain'>;
  readonly uses: OperatorUses;
  readonly view: { revocations(): RevocationList };
  readonly clock: WallClock;
}

/** The credentials of operators that have not expired, the newest first. @throws StoreError */
export async function listOperators(options: OperatorsOptions): Promise<OperatorCredential[]> {
  const { ca, uses, view, clock } = options;
  const issuances = await ca.issuancesOf(adminId(ca.trustDomain));
  const revoked = new Set(view.revocations().all.map(({ serial }) => serial));
  const known = uses.all();
  return issuances
    .filter(({ notAfterMs }) => notAfterMs > clock.epochMs())
    .toReversed()
    .map((issuance) => {
      const lastUse = known.get(issuance.serial);
      return Object.assign({}, issuance, {
        firstIssuedMs: firstIssuedMs(issuance),
        revoked: revoked.has(issuance.serial),
        lastUsedMs: lastUse?.usedMs,
        lastAddress: lastUse?.address,
        lastCall: lastUse?.call,
      });
    });
}

/** Forgets where credentials were used that the log has forgotten. @throws StoreError */
export async function pruneOperatorUses(
  { ca, uses }: OperatorsOptions,
  leading: FencedStore,
): Promise<void> {
  const issuances = await ca.issuancesOf(adminId(ca.trustDomain));
  await uses.keep(new Set(issuances.map(({ serial }) => serial)), leading);
}
