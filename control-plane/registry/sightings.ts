import type { Logger } from 'pino';
import type { Clock, MonotonicMs, Timer } from '../../common/clock.ts';
import { describeError } from '../../common/errors.ts';
import type { Guard } from '../../common/guard.ts';
import type { Closeable } from '../../common/lifecycle.ts';
import type { FencedStore } from '../leader/fenced-store.ts';
import type { ControlPlanes } from '../leader/control-planes.ts';
import {
  deleteUnchanged,
  keyOf,
  type Entry,
  type Operation,
  type Store,
  type Unchanged,
} from '../store/store.ts';
import { sightingKey, sightings, SIGHTINGS_PREFIX, type Sighting } from './sighting-record.ts';

/** An operator who looks after an incident should still see who is missing. */
export const REMEMBER_MS = 60 * 60 * 1000;

/**
 * What changes within this time is written together: ten thousand sidecars that acknowledge a bundle at
 * once cost a hundred transactions. Other control planes know of it so much later.
 */
export const SIGHTINGS_DELAY_MS = 1_000;

/** Sightings of one transaction. */
const BATCH = 100;

/**
 * Of one identity that are away: a sidecar that makes up an instance id at each start must not fill the
 * store. As many as may be connected.
 */
const MAX_AWAY = 1_000;

/** Another control plane may write the same one in between. */
const MAX_TRIES = 4;

/** What sightings take. */
export interface SightingsOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly guard: Pick<Guard, 'promise'>;
  readonly controlPlanes: Pick<ControlPlanes, 'id' | 'isAlive'>;
}

/** What all control planes on a store, and those before them, have seen of the sidecars. */
export interface Sightings extends Closeable {
  /** By whichever control plane; in the order of their instance ids where that matters. */
  all(): Iterable<Sighting>;
  /** What is known here of a sidecar that is connected here, or was: it is written soon, when it is new. */
  put(sighting: Sighting): void;
  /** Whether the sidecar is connected, now and to a control plane that is there. */
  isConnected(sighting: Sighting): boolean;
  /** Forgets those that have been away for REMEMBER_MS; for the leader. */
  prune(leading: FencedStore): Promise<void>;
  /** Resolves when what is known has been written. */
  close(): Promise<void>;
}

/** Without the bytes of its entry: a few hundred of them keep a pool of Node.js, 64 KiB, from being given back. */
interface Known extends Unchanged {
  readonly sighting: Sighting;
  /** Since when this process has found it away. */
  awaySinceMs: MonotonicMs | undefined;
}

/** Reads what is known, and follows it until it is closed. @throws StoreError */
export async function openSightings(options: SightingsOptions): Promise<Sightings> {
  const { store, clock, logger, guard, controlPlanes } = options;
  const known = new Map<string, Known>();
  const awayOf = new Map<string, number>();
  const unwritten = new Map<string, Sighting>();
  let timer: Timer | undefined;
  let writing: Promise<void> = Promise.resolve();
  let failing = false;
  let closed = false;

  const isConnected = ({ connected, controlPlane }: Sighting): boolean =>
    connected && controlPlanes.isAlive(controlPlane);
  const count = (spiffeId: string, change: number): void => {
    const away = (awayOf.get(spiffeId) ?? 0) + change;
    if (away > 0) awayOf.set(spiffeId, away);
    else awayOf.delete(spiffeId);
  };
  const take = (key: string, entry: Entry | undefined): void => {
    const instanceId = key.slice(SIGHTINGS_PREFIX.length);
    const before = known.get(instanceId);
    if (before !== undefined && !before.sighting.connected) count(before.sighting.spiffeId, -1);
    const sighting = entry && sightings.decodeIfSound(entry);
    if (entry === undefined || sighting === undefined) return void known.delete(instanceId);
    if (!sighting.connected) count(sighting.spiffeId, 1);
    const { modRevision } = entry;
    known.set(instanceId, { key, modRevision, sighting, awaySinceMs: before?.awaySinceMs });
  };

  const { entries, revision } = await store.range(SIGHTINGS_PREFIX);
  for (const entry of entries) take(entry.key, entry);
  const watch = await store.watch(SIGHTINGS_PREFIX, revision + 1, ({ events }) => {
    for (const event of events) take(keyOf(event), event.kind === 'put' ? event.entry : undefined);
  });

  /** What is connected here is so; anything else is only told of a sidecar that is nowhere else. */
  const mayReplace = (stored: Sighting | undefined, next: Sighting): boolean =>
    next.connected ||
    stored?.controlPlane === next.controlPlane ||
    !(stored && isConnected(stored));
  const toOperation = (sighting: Sighting): Operation => {
    const key = sightingKey(sighting.instanceId);
    const isTooMany = !sighting.connected && (awayOf.get(sighting.spiffeId) ?? 0) >= MAX_AWAY;
    return isTooMany
      ? { kind: 'delete', key }
      : { kind: 'put', key, value: sightings.encode(sighting) };
  };
  const writeOne = async (sighting: Sighting): Promise<void> => {
    const key = sightingKey(sighting.instanceId);
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      const entry = await store.get(key);
      if (!mayReplace(entry && sightings.decodeIfSound(entry), sighting)) return;
      const compare = { key, modRevision: entry?.modRevision ?? 0 };
      if ((await store.transact([compare], [toOperation(sighting)])).succeeded) return;
    }
  };
  const writeAll = async (): Promise<void> => {
    while (unwritten.size > 0) {
      const taken = [...unwritten.values()].slice(0, BATCH);
      for (const { instanceId } of taken) unwritten.delete(instanceId);
      const batch = taken.filter((sighting) => {
        const stored = known.get(sighting.instanceId);
        return stored === undefined
          ? sighting.connected
          : mayReplace(stored.sighting, sighting) && !isSame(stored.sighting, sighting);
      });
      if (batch.length === 0) continue;
      try {
        const compares = batch.map(({ instanceId }) => ({
          key: sightingKey(instanceId),
          modRevision: known.get(instanceId)?.modRevision ?? 0,
        }));
        const { succeeded } = await store.transact(compares, batch.map(toOperation));
        if (!succeeded) for (const sighting of batch) await writeOne(sighting);
      } catch (error) {
        for (const one of batch) {
          if (!unwritten.has(one.instanceId)) unwritten.set(one.instanceId, one);
        }
        throw error;
      }
    }
  };
  const flush = async (): Promise<void> => {
    try {
      await writeAll();
      failing = false;
    } catch (error) {
      if (closed) return;
      if (!failing) {
        const line = { event: 'sightings-not-written', err: error };
        logger.warn(line, `what is known of sidecars is not written yet: ${describeError(error)}`);
      }
      failing = true;
      schedule();
    }
  };
  const schedule = (): void => {
    timer ??= clock.after(SIGHTINGS_DELAY_MS, () => {
      timer = undefined;
      writing = writing.then(flush);
      guard.promise('registry', writing);
    });
  };

  return {
    *all() {
      const nowMs = clock.monotonicMs();
      for (const one of known.values()) {
        if (isConnected(one.sighting)) one.awaySinceMs = undefined;
        else if (nowMs - (one.awaySinceMs ??= nowMs) >= REMEMBER_MS) continue;
        yield one.sighting;
      }
    },
    put(sighting) {
      unwritten.set(sighting.instanceId, sighting);
      if (!closed) schedule();
    },
    isConnected,
    async prune(leading) {
      const nowMs = clock.monotonicMs();
      const old: Known[] = [];
      for (const one of known.values()) {
        if (isConnected(one.sighting)) one.awaySinceMs = undefined;
        else if (nowMs - (one.awaySinceMs ??= nowMs) >= REMEMBER_MS) old.push(one);
      }
      await deleteUnchanged(leading, old);
    },
    async close() {
      closed = true;
      timer?.cancel();
      writing = writing.then(flush);
      await writing;
      await watch.close();
    },
  };
}

/** But for when it was seen last, which is written with the next change. */
function isSame(stored: Sighting, next: Sighting): boolean {
  const lastSeenMs = next.connected ? stored.lastSeenMs : next.lastSeenMs;
  return sightings.encode(stored).equals(sightings.encode({ ...next, lastSeenMs }));
}
