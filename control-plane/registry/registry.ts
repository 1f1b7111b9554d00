import type { Logger } from 'pino';
import type { Clock, Timer } from '../../common/clock.ts';
import { describeError } from '../../common/errors.ts';
import type { Guard } from '../../common/guard.ts';
import type { Closeable } from '../../common/lifecycle.ts';
import { Listeners } from '../../common/listeners.ts';
import type { SidecarReport } from '../../common/wire/report.ts';
import { StoreError } from '../store/store-error.ts';
import type { Entry, Operation, Store } from '../store/store.ts';
import type { KeyedMutex } from '../keyed-mutex.ts';
import { afterDial, withKnownProofs } from './addresses/proofs.ts';
import { FlapDamping, isNews, withoutEndpoint } from './flap-damping.ts';
import { RETAINED_TTL_MS, retainedKey, retainAddresses } from './addresses/retained-addresses.ts';
import type { Announcement, ControlPlanes } from '../leader/control-planes.ts';
import { summarize } from './acknowledged.ts';
import { knownEverywhere } from './known-everywhere.ts';
import { MAX_INSTANCES, requireRoom, withBoundedAllowances } from './instance-limits.ts';
import { KnownSidecars, type KnownSidecar } from './known-sidecars.ts';
import type { Sightings } from './sightings.ts';
import type { MeshView } from './mesh-view.ts';
import { connectionEnded, instanceTaken, RegistryError } from './registry-error.ts';
import { openSessionLease, SESSION_TTL_MS, type SessionLease } from './session-lease.ts';
import {
  decodeSidecar,
  encodeSidecar,
  isEndpoint,
  SIDECAR_PREFIX,
  sidecarKey,
  type SidecarRecord,
} from './sidecar-record.ts';

/** How long the endpoint of a sidecar that was lost, without a Goodbye, stays in the view. */
export const LOST_TTL_MS = 15_000;

/** Each try means that another control plane on the same store wrote in between. */
const MAX_TRIES = 8;

const RETRY_MS = 1_000;

/** What the registry needs. */
export interface RegistryOptions {
  readonly store: Store;
  readonly view: MeshView;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly guard: Pick<Guard, 'promise'>;
  readonly controlPlanes: Pick<ControlPlanes, 'id' | 'acknowledgedAt'>;
  readonly sightings: Pick<Sightings, 'all' | 'isConnected' | 'put'>;
  readonly mutex: KeyedMutex;
}

/** A sidecar that connects. */
export interface Arrival {
  readonly record: SidecarRecord;
  readonly certificateSerial: string;
  readonly certificateNotAfterMs: number;
  /** Called when the same sidecar has connected again: this connection is of no use any more. */
  readonly onReplaced: () => void;
  /** True once its connection has ended. What waited for the store meanwhile must not take it from where it is now. */
  readonly hasEnded: () => boolean;
}

/** The registration of a connected sidecar. */
export interface Registration {
  acknowledge(version: number, bundleVersion: number): void;
  report(report: SidecarReport): void;
  /**
   * Takes the endpoint out of the view: the sidecar drains, or its certificate was revoked, and then
   * nothing is held for it. Resolves when that is stored.
   */
  goodbye(reason?: 'drains' | 'revoked'): Promise<void>;
  /**
   * The connection has ended; the endpoint stays for LOST_TTL_MS, unless there was a Goodbye. Where the store was gone
   * then, it stays for SESSION_TTL_MS from when that is back: all of them come back at once, as after a restart.
   */
  lost(): void;
}

/** The sidecars that are connected, and what is stored of them. */
export interface Registry extends Closeable {
  /** How many are connected. */
  readonly connected: number;
  /** How many endpoints are held back for a while, because they come and go. */
  readonly damped: number;
  /** True when peers would be told something new by this registration. */
  isNews(record: SidecarRecord): boolean;
  /**
   * Stores who has connected, and where, before it resolves.
   *
   * @throws RegistryError `instance-taken`, `too-many-instances`, `registry-busy`, `connection-ended`; StoreError
   */
  connect(arrival: Arrival): Promise<Registration>;
  /** Says whether a dial to an address of a connected sidecar found it there. @throws StoreError */
  dialled(instanceId: string, address: string, found: boolean): Promise<void>;
  /** Calls back with each sidecar that has connected; returns the function that ends it. */
  onConnected(listener: (record: SidecarRecord) => void): () => void;
  /** Every known sidecar, connected here or elsewhere, for `hauberk status`. */
  list(): readonly KnownSidecar[];
  /** How far those are that are connected here, for other control planes. */
  acknowledged(): Pick<Announcement, 'sidecars' | 'acknowledgedVersion' | 'behind'>;
  close(): void;
}

interface Connection extends Arrival {
  record: SidecarRecord;
  /** Of its record in the store, as this control plane has written it. */
  modRevision: number;
  left: boolean;
  /** Until its endpoint is announced. */
  pause: Timer | undefined;
}

/** Opens the registry. When it is closed, endpoints stay in the store for SESSION_TTL_MS. */
export async function openRegistry(options: RegistryOptions): Promise<Registry> {
  const { store, view, clock, logger, guard, mutex, controlPlanes, sightings } = options;
  const connections = new Map<string, Connection>();
  const known = new KnownSidecars(clock, controlPlanes.id, sightings);
  const damping = new FlapDamping(clock);
  const paused = new Set<Connection>();
  const listeners = new Listeners<[SidecarRecord]>();
  let closed = false;
  const session: SessionLease = await openSessionLease({
    store,
    clock,
    logger,
    onReplaced: (lease) => {
      ownLeases.add(lease);
      for (const connection of connections.values()) {
        guard.promise('registry', writeAgain(connection));
      }
    },
  });

  /** Those of this process: a record that is bound to another one is of another control plane. */
  const ownLeases = new Set([session.id]);

  /**
   * Writes the registration, bound to a lease, unless the id belongs to another identity.
   *
   * @param claim it has connected here; otherwise nothing is written once it has connected elsewhere
   * @param alongside what is written in the same transaction
   * @returns the revision of the record; undefined when it is of another control plane by now
   */
  const write = async (
    record: SidecarRecord,
    lease: () => Promise<string>,
    { claim = false, alongside = [] as readonly Operation[] } = {},
  ): Promise<number | undefined> => {
    const key = sidecarKey(record.instanceId);
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      const entry = await store.get(key);
      if (entry !== undefined && decodeSidecar(entry).spiffeId !== record.spiffeId) {
        throw instanceTaken(record.instanceId);
      }
      if (!claim && entry !== undefined && !isOwn(entry)) return undefined;
      const bound = await lease();
      const value = encodeSidecar(record);
      // A sidecar that connects again with its next certificate changes nothing.
      if (entry?.lease === bound && entry.value.equals(value)) return entry.modRevision;
      try {
        const { succeeded, revision } = await store.transact(
          [{ key, modRevision: entry?.modRevision ?? 0 }],
          [
            { kind: 'put', key, value, lease: bound },
            ...(alongside.length === 0 ? forgetRetained(record) : alongside),
          ],
        );
        if (succeeded) return revision;
      } catch (error) {
        if (!(error instanceof StoreError) || error.code !== 'lease-not-found') throw error;
        await session.replace(bound);
      }
    }
    throw new RegistryError('registry-busy', `the record of ${record.instanceId} keeps changing`);
  };
  const isOwn = ({ lease }: Entry): boolean => lease !== undefined && ownLeases.has(lease);
  const isCurrent = (connection: Connection): boolean =>
    connections.get(connection.record.instanceId) === connection;

  const writeAgain = ({ record }: Connection): Promise<void> =>
    mutex.run(sidecarKey(record.instanceId), async () => {
      const connection = connections.get(record.instanceId);
      if (connection === undefined || connection.left) return;
      await rewrite(connection);
    });

  /** What keeps the addresses of a sidecar that leaves for its identity, so that a restart loses none. */
  const hold = async (record: SidecarRecord): Promise<readonly Operation[]> => {
    const proven = view.endpoints.get(record.instanceId)?.proven ?? [];
    if (proven.length === 0 || view.addresses.retainedBy(record.spiffeId) >= MAX_INSTANCES)
      return [];
    return retainAddresses(record, proven, await store.grantLease(RETAINED_TTL_MS));
  };

  /** Leaves the endpoint to a lease of its own; tried again until it works or the sidecar is back. */
  const abandon = (record: SidecarRecord, ttlMs = LOST_TTL_MS): Promise<void> =>
    mutex.run(sidecarKey(record.instanceId), async () => {
      if (closed || connections.has(record.instanceId)) return;
      try {
        const entry = await store.get(sidecarKey(record.instanceId));
        // It may be connected to another control plane by now.
        if (entry === undefined || !isOwn(entry)) return;
        const lost = await store.grantLease(ttlMs);
        await write(record, () => Promise.resolve(lost), { alongside: await hold(record) });
      } catch (error) {
        if (closed) return;
        logFailure(record)(error);
        clock.after(RETRY_MS, () => abandon(record, SESSION_TTL_MS));
      }
    });

  const logFailure = (record: SidecarRecord) => (error: unknown) => {
    logger.error(
      { event: 'registration-failed', instanceId: record.instanceId, err: error },
      `the registration of a sidecar could not be written: ${describeError(error)}`,
    );
  };

  /** As it is now; what fails is logged, and written when the sidecar connects again. */
  const rewrite = async (connection: Connection): Promise<void> => {
    const { record } = connection;
    try {
      connection.modRevision =
        (await write(record, async () => session.id)) ?? connection.modRevision;
    } catch (error) {
      logFailure(record)(error);
    }
  };

  /** Deletes the record, unless it is of another control plane by now. */
  const remove = async (key: string, alongside: readonly Operation[]): Promise<void> => {
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      const entry = await store.get(key);
      if (entry === undefined || !isOwn(entry)) return;
      const compare = { key, modRevision: entry.modRevision };
      const done = await store.transact([compare], [{ kind: 'delete', key }, ...alongside]);
      if (done.succeeded) return;
    }
    throw new RegistryError('registry-busy', `the record ${key} keeps changing`);
  };

  const unpause = (connection: Connection): void => {
    connection.pause?.cancel();
    paused.delete(connection);
  };
  /** What an endpoint that comes and goes is announced with when its pause is over. */
  const announce = (connection: Connection, full: SidecarRecord): Promise<void> =>
    mutex.run(sidecarKey(full.instanceId), async () => {
      unpause(connection);
      if (!isCurrent(connection) || connection.left || closed) return;
      const record = withKnownProofs(full, view.sidecars.get(full.instanceId), view);
      connection.record = record;
      await rewrite(connection);
      listeners.tell(record);
    });
  const pause = (connection: Connection, full: SidecarRecord, pauseMs: number): void => {
    paused.add(connection);
    connection.pause = clock.after(pauseMs, () => announce(connection, full));
    const { instanceId, spiffeId } = full;
    logger.warn(
      { event: 'endpoint-damped', instanceId, spiffeId, retryInMs: pauseMs },
      `the endpoint ${instanceId} of ${spiffeId} changes often: peers receive the change in ${pauseMs / 1000} s`,
    );
  };

  const registrationOf = (connection: Connection): Registration => {
    const { instanceId, spiffeId } = connection.record;
    const update = (change: Parameters<KnownSidecars['update']>[1]): void => {
      if (isCurrent(connection)) known.update(instanceId, change);
    };
    return {
      acknowledge: (acknowledgedVersion, bundleVersion) =>
        update({ acknowledgedVersion, bundleVersion }),
      report: (report) => update({ report }),
      goodbye: (reason = 'drains') =>
        mutex.run(sidecarKey(instanceId), async () => {
          // Said on an old connection it would take the endpoint of the new one.
          if (!isCurrent(connection)) return;
          connection.left = true;
          unpause(connection);
          const retained = reason === 'revoked' ? [] : await hold(connection.record);
          await remove(sidecarKey(instanceId), retained);
        }),
      lost() {
        if (!isCurrent(connection) || closed) return;
        update({ connected: false, left: connection.left });
        connections.delete(instanceId);
        unpause(connection);
        if (connection.left) {
          const line = { event: 'sidecar-left', instanceId, spiffeId };
          logger.info(line, `the sidecar ${instanceId} of ${spiffeId} has left`);
          return;
        }
        logger.warn(
          { event: 'sidecar-lost', instanceId, spiffeId, ttlMs: LOST_TTL_MS },
          `the sidecar ${instanceId} of ${spiffeId} is disconnected; its endpoint is removed if it does not reconnect`,
        );
        guard.promise('registry', abandon(connection.record));
      },
    };
  };

  // A sidecar that has connected elsewhere since is not here any more, whatever its stream looks like.
  const { revision: openedAt } = await store.range(SIDECAR_PREFIX, { limit: 1 });
  const moves = await store.watch(SIDECAR_PREFIX, openedAt + 1, ({ events }) => {
    for (const event of events) {
      if (event.kind !== 'put' || isOwn(event.entry)) continue;
      const { key, modRevision } = event.entry;
      const instanceId = key.slice(SIDECAR_PREFIX.length);
      const connection = connections.get(instanceId);
      if (connection === undefined || modRevision <= connection.modRevision) continue;
      connections.delete(instanceId);
      known.update(instanceId, { connected: false });
      unpause(connection);
      connection.onReplaced();
    }
  });

  return {
    get connected() {
      return connections.size;
    },
    get damped() {
      return paused.size;
    },
    isNews: (record) => isNews(record, view.sidecars.get(record.instanceId)),
    connect: (arrival) =>
      mutex.run(sidecarKey(arrival.record.instanceId), async () => {
        const { instanceId, spiffeId, addresses } = arrival.record;
        if (arrival.hasEnded()) throw connectionEnded(instanceId);
        requireRoom(view, arrival.record);
        const bounded = withBoundedAllowances(view, arrival.record);
        const present = view.sidecars.get(instanceId);
        const pauseMs = isNews(bounded, present) ? damping.pauseMs(bounded) : 0;
        const record =
          pauseMs === 0 ? withKnownProofs(bounded, present, view) : withoutEndpoint(bounded);
        const lease = async (): Promise<string> => {
          if (arrival.hasEnded()) throw connectionEnded(instanceId);
          return session.id;
        };
        const modRevision = (await write(record, lease, { claim: true })) ?? 0;
        const made = { record, modRevision, left: false, pause: undefined };
        const connection: Connection = { ...arrival, ...made };
        const before = connections.get(instanceId);
        if (before !== undefined) unpause(before);
        connections.set(instanceId, connection);
        if (pauseMs > 0) pause(connection, bounded, pauseMs);
        known.connected(record, arrival);
        before?.onReplaced();
        // Each renewal of its certificate brings a sidecar here again.
        const level = before === undefined ? 'info' : 'debug';
        logger[level](
          { event: 'sidecar-connected', instanceId, spiffeId, addresses },
          `the sidecar ${instanceId} of ${spiffeId} is connected`,
        );
        listeners.tell(record);
        return registrationOf(connection);
      }),
    dialled: (instanceId, address, found) =>
      mutex.run(sidecarKey(instanceId), async () => {
        const connection = connections.get(instanceId);
        if (connection === undefined || connection.left) return;
        if (!connection.record.addresses.includes(address)) return;
        const record = afterDial(connection.record, { address, found }, view);
        const modRevision = await write(record, async () => session.id);
        // The watch tells soon that it has connected elsewhere.
        if (modRevision === undefined) return;
        connection.modRevision = modRevision;
        connection.record = record;
      }),
    onConnected: listeners.add,
    list: () =>
      knownEverywhere({
        here: known.list(view.sidecars),
        sightings,
        controlPlanes,
        stored: view.sidecars,
      }),
    acknowledged: () => ({ sidecars: connections.size, ...summarize(known.acknowledged()) }),
    close() {
      closed = true;
      for (const connection of paused) connection.pause?.cancel();
      session.close();
      guard.promise('registry', Promise.resolve(moves.close()));
    },
  };
}

/** One whose endpoint is not announced yet needs what is held for it. */
function forgetRetained(record: SidecarRecord): readonly Operation[] {
  return isEndpoint(record) ? [{ kind: 'delete', key: retainedKey(record) }] : [];
}
