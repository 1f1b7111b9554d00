import type { Logger } from 'pino';
import { z } from 'zod';
import type { Clock } from '../../common/clock.ts';
import { storedDate } from '../../common/dates.ts';
import { describeError } from '../../common/errors.ts';
import type { Closeable } from '../../common/lifecycle.ts';
import { repeat } from '../../common/repeat.ts';
import { recordCodec } from '../store/record-codec.ts';
import { StoreError } from '../store/store-error.ts';
import { keyOf, type Store } from '../store/store.ts';

/** Each control plane that is there: this and its id, bound to a lease. */
export const CONTROL_PLANES_PREFIX = 'control-planes/';

/** After so long one that has ended without a word counts as gone. */
export const PRESENCE_TTL_MS = 9_000;

/** Two may be late or lost before the lease ends. */
const KEEP_ALIVE_MS = PRESENCE_TTL_MS / 3;

/** How late the others know how far the sidecars of one are: a person who watches does not wait for it. */
const ANNOUNCE_MS = 1_000;

const controlPlaneRecord = z.object({
  id: z.string(),
  /** Where sidecars reach it, as HOST:PORT; the preferred one first. */
  addresses: z.array(z.string()).readonly(),
  softwareVersion: z.string(),
  startedMs: storedDate,
  /** Where its metrics are served, as HOST:PORT; missing in what an older version wrote. */
  metrics: z.string().optional(),
  /** Of the mesh, as it has told it to its sidecars. */
  viewVersion: z.number(),
  /** How many are connected to it. */
  sidecars: z.number(),
  /** What all of them have acknowledged, but for those that are behind. */
  acknowledgedVersion: z.number(),
  /** By instance id, what a few have acknowledged that are behind the others. */
  behind: z.record(z.string(), z.number()).readonly(),
});

/** A control plane as it announces itself to the others on the same store. */
export type ControlPlaneRecord = Readonly<z.infer<typeof controlPlaneRecord>>;

/** What changes of it while it runs. */
export type Announcement = Omit<ControlPlaneRecord, 'id' | 'softwareVersion' | 'startedMs'>;

const codec = recordCodec('a control plane', controlPlaneRecord);

/** What announcing takes. */
export interface ControlPlanesOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Of this control plane. */
  readonly id: string;
  readonly softwareVersion: string;
  /** No other process can use the store: there is no other one to tell. */
  readonly exclusive: boolean;
}

/** The control planes on one store. */
export interface ControlPlanes extends Closeable {
  /** Of this one. */
  readonly id: string;
  /** How many there are, with this one. */
  readonly count: number;
  /** Every one, this one first. */
  list(): readonly ControlPlaneRecord[];
  /** Whether one is there, as far as is known here; this one is. */
  isAlive(id: string): boolean;
  /** What a sidecar that is connected to another one has acknowledged; 0 when that is not there. */
  acknowledgedAt(id: string, instanceId: string): number;
  /** Begins to announce this one, with what is asked for every second. */
  announce(present: () => Announcement): Promise<void>;
  /** Takes it off the list. */
  close(): Promise<void>;
}

/** Follows the others until it is closed. @throws StoreError */
export async function openControlPlanes(options: ControlPlanesOptions): Promise<ControlPlanes> {
  const { store, clock, logger, id, softwareVersion, exclusive } = options;
  const startedMs = clock.epochMs();
  const others = new Map<string, ControlPlaneRecord>();
  let present: (() => Announcement) | undefined;
  let lease: string | undefined;
  let written: Buffer | undefined;
  let keptMs = clock.monotonicMs();
  let failing = false;
  let closed = false;

  const own = (): ControlPlaneRecord => ({
    ...(present?.() ?? NOTHING_YET),
    id,
    softwareVersion,
    startedMs,
  });
  const write = async (value: Buffer): Promise<void> => {
    lease ??= await store.grantLease(PRESENCE_TTL_MS);
    const key = CONTROL_PLANES_PREFIX + id;
    await store.transact([], [{ kind: 'put', key, value, lease }]);
    written = value;
  };
  const tell = async (): Promise<void> => {
    const nowMs = clock.monotonicMs();
    if (lease !== undefined && nowMs - keptMs >= KEEP_ALIVE_MS) {
      await store.keepLeaseAlive(lease);
      keptMs = nowMs;
    }
    const value = codec.encode(own());
    if (written?.equals(value) !== true) await write(value);
  };
  const tick = async (): Promise<void> => {
    try {
      await tell();
      failing = false;
    } catch (error) {
      if (closed) return;
      if (error instanceof StoreError && error.code === 'lease-not-found') {
        lease = undefined;
        written = undefined;
      }
      if (failing) return;
      failing = true;
      const line = { event: 'announcement-failed', controlPlaneId: id, err: error };
      logger.warn(
        line,
        `the other control planes are not told of this one: ${describeError(error)}`,
      );
    }
  };

  if (exclusive) {
    return {
      id,
      count: 1,
      list: () => [own()],
      isAlive: (other) => other === id,
      acknowledgedAt: () => 0,
      async announce(given) {
        present = given;
      },
      close: () => Promise.resolve(),
    };
  }
  const { entries, revision } = await store.range(CONTROL_PLANES_PREFIX);
  const take = (key: string, record: ControlPlaneRecord | undefined): void => {
    const other = key.slice(CONTROL_PLANES_PREFIX.length);
    if (other === id) return;
    if (record === undefined) others.delete(other);
    else others.set(other, record);
  };
  const tellOfOthers = (before: ReadonlySet<string>): void => {
    const now = new Set(others.keys());
    for (const other of now.difference(before)) {
      const line = { event: 'control-plane-came', controlPlaneId: other };
      logger.info(line, `the control plane ${other} has come`);
    }
    for (const other of before.difference(now)) {
      const line = { event: 'control-plane-gone', controlPlaneId: other };
      logger.warn(line, `the control plane ${other} has ended, or does not reach the store`);
    }
  };
  for (const entry of entries) take(entry.key, codec.decodeIfSound(entry));
  const watch = await store.watch(CONTROL_PLANES_PREFIX, revision + 1, ({ events }) => {
    const before = new Set(others.keys());
    for (const event of events) {
      take(keyOf(event), event.kind === 'put' ? codec.decodeIfSound(event.entry) : undefined);
    }
    tellOfOthers(before);
  });
  let ticks: ReturnType<typeof repeat> | undefined;
  return {
    id,
    get count() {
      return others.size + 1;
    },
    list: () => [own(), ...others.values()],
    isAlive: (other) => other === id || others.has(other),
    acknowledgedAt(other, instanceId) {
      const record = others.get(other);
      return record?.behind[instanceId] ?? record?.acknowledgedVersion ?? 0;
    },
    async announce(given) {
      present = given;
      await tick();
      ticks = repeat(clock, ANNOUNCE_MS, tick);
    },
    async close() {
      closed = true;
      await ticks?.close();
      await watch.close();
      if (lease === undefined) return;
      await store.revokeLease(lease).catch((error: unknown) => {
        const line = { event: 'announcement-not-ended', controlPlaneId: id, err: error };
        logger.warn(
          line,
          `others count on this control plane for ${PRESENCE_TTL_MS / 1000} s more`,
        );
      });
    },
  };
}

const NOTHING_YET: Announcement = {
  addresses: [],
  viewVersion: 0,
  sidecars: 0,
  acknowledgedVersion: 0,
  behind: {},
};
