import type { Logger } from 'pino';
import { createSettledDate } from '../../common/dates.ts';
import { describeError } from '../../common/errors.ts';
import type { Clock, MonotonicClock } from '../../common/clock.ts';
import { DepartedAddresses } from '../../common/network/departed-addresses.ts';
import type { Closeable } from '../../common/lifecycle.ts';
import type { AddressRules } from '../../common/mesh-config/addresses.ts';
import type { MeshPolicy } from '../../common/authorization/policy.ts';
import { Listeners } from '../../common/listeners.ts';
import { RevocationList } from '../../common/pki/revocation.ts';
import type { TrustBundle } from '../../common/pki/trust-bundle.ts';
import { isSameEndpoint } from '../../common/wire/endpoint.ts';
import { BUNDLE_KEY } from '../ca/authorities/authorities.ts';
import { decodeBundle } from '../ca/authorities/stored-authority.ts';
import {
  decodeFederated,
  FEDERATED_PREFIX,
  type FederatedBundle,
} from '../federation/federation-record.ts';
import { CONFIG_KEY, decodeReadConfig, NO_CONFIG } from '../policy/config-record.ts';
import {
  decodeRevocation,
  REVOKED_PREFIX,
  type RevocationRecord,
} from '../revocation/revocation-record.ts';
import { keyOf, type Entry, type Store, type StoreEvent, type WatchBatch } from '../store/store.ts';
import { AddressBook, endpointOf, type MeshEndpoint } from './addresses/address-book.ts';
import {
  ChangeHistory,
  type TouchedEndpoint,
  type TouchedSince,
  type ViewTopic,
  type ViewTouch,
} from './change-history.ts';
import { EndpointIndex } from './endpoint-index.ts';
import { decodeRetained, RETAINED_PREFIX } from './addresses/retained-addresses.ts';
import { decodeSidecar, MESH_PREFIX, SIDECAR_PREFIX } from './sidecar-record.ts';
import { createRateLimit } from '../../common/rate-limit.ts';
import { MutableSidecarIndex, type SidecarIndex } from './sidecar-index.ts';

/** What every sidecar has to know besides endpoints. */
export interface MeshTopics {
  readonly bundle: TrustBundle;
  /** Of other trust domains. */
  readonly federated: readonly FederatedBundle[];
  readonly revocations: RevocationList;
  readonly policy: MeshPolicy;
}

/**
 * The mesh as sidecars are told it: the endpoints, the roots to trust, what was revoked, and who may
 * talk to whom. Its version is the store's revision of the last change that a sidecar could notice.
 */
export interface MeshView extends Closeable {
  readonly version: number;
  /** Up to which revision of the store the view is known to be complete; at least its version. */
  readonly followed: number;
  /** Resolves when it is complete up to a revision; may be never. */
  follows(revision: number): Promise<void>;
  /** All sidecars by instance id, also those that only call. */
  readonly sidecars: SidecarIndex;
  /** Those that peers can dial, by instance id. */
  readonly endpoints: ReadonlyMap<string, MeshEndpoint>;
  /** Finds endpoints by what sidecars are interested in. */
  readonly index: Pick<EndpointIndex, 'in' | 'scopesOf'>;
  readonly addresses: Pick<AddressBook, 'next' | 'turnOf' | 'retainedBy'>;
  /** True for an address at which a sidecar was lately, wherever that is now, and is no more. */
  wasAt(address: string): boolean;
  /** The roots to trust. */
  bundle(): TrustBundle;
  /** Whose claim to an address is accepted without a proof, and where proofs may be looked for. */
  addressRules(): AddressRules;
  /** Which certificates are not to be trusted any more. */
  revocations(): RevocationList;
  topics(): MeshTopics;
  /** What changed after a version; undefined when it is too long ago: send a snapshot then. */
  since(version: number): TouchedSince | undefined;
  /** Calls back after every new version, with what it changed; returns the function that ends it. */
  onChange(listener: (touch: ViewTouch) => void): () => void;
}

/** What the view needs. */
export interface MeshViewOptions {
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Reads the mesh from the store and follows it until it is closed. @throws StoreError */
export async function openMeshView({ store, clock, logger }: MeshViewOptions): Promise<MeshView> {
  const { entries, revision } = await store.range(MESH_PREFIX);
  const sidecars = new MutableSidecarIndex();
  const revoked = new Map<string, RevocationRecord>();
  const federated = new Map<string, FederatedBundle>();
  let bundle: TrustBundle | undefined;
  let config = NO_CONFIG;
  /** Made when it is asked for. */
  let list: RevocationList | undefined;
  /** Those of it that have not ended. As many of one list are the same, since they go in the order of their ends. */
  let present: RevocationList | undefined;
  const book = new AddressBook();
  // A revocation that was forgotten does not come back when a clock that was set forward is right again.
  const settled = createSettledDate(clock);
  const index = new EndpointIndex();
  const { endpoints } = index;
  const tellConflicts = createConflictLog(clock, logger);
  const history = new ChangeHistory(revision);
  // More than what is retained: nothing is for one that moved, or was revoked, or lost together with its control plane.
  const departed = new DepartedAddresses(clock);
  const listeners = new Listeners<[ViewTouch]>();
  /** Those who wait until the view is complete up to a revision. */
  const waiting = new Map<() => void, number>();

  /** Looks at sidecars again; tells of which of them peers notice a change. */
  const lookAgain = (touched: ReadonlySet<string>): TouchedEndpoint[] =>
    [...touched].flatMap((instanceId) => {
      const was = endpoints.get(instanceId);
      const is = endpointOf(sidecars.get(instanceId), book);
      if (is === undefined && was === undefined) return [];
      tellConflicts(was, is);
      departed.add(was?.proven.filter((address) => is?.proven.includes(address) !== true) ?? []);
      const change = { instanceId, was: index.scopesOf(instanceId) };
      if (is === undefined) index.delete(instanceId);
      else index.put(is);
      // Moving a registration to another lease writes it again as it was.
      const isSame = was !== undefined && is !== undefined && isSameEndpoint(was, is);
      return isSame ? [] : [change];
    });
  /** Every claim, by the rules of the configuration in force. */
  const claimAgain = (): ReadonlySet<string> => {
    const touched = new Set<string>();
    for (const record of sidecars.values()) {
      const changed = book.putSidecar(record, config.config.addresses);
      for (const instanceId of changed) touched.add(instanceId);
    }
    return touched;
  };
  /** Takes a change in: what it is about, or whose endpoints it may concern. Throws StoreError `corrupt`. */
  const take = (event: StoreEvent): ViewTopic | ReadonlySet<string> => {
    const key = keyOf(event);
    const entry = event.kind === 'put' ? event.entry : undefined;
    const keep = <Value>(map: Map<string, Value>, decode: (stored: Entry) => Value): void => {
      if (entry === undefined) map.delete(key);
      else map.set(key, decode(entry));
    };
    if (key === BUNDLE_KEY && entry !== undefined) {
      bundle = decodeBundle(entry);
      return 'bundle';
    }
    if (key === CONFIG_KEY && entry !== undefined) {
      config = decodeReadConfig(entry);
      return 'policy';
    }
    if (key.startsWith(FEDERATED_PREFIX)) {
      keep(federated, decodeFederated);
      return 'federated';
    }
    if (key.startsWith(REVOKED_PREFIX)) {
      keep(revoked, decodeRevocation);
      return 'revocations';
    }
    if (key.startsWith(RETAINED_PREFIX)) {
      if (entry === undefined) return book.removeRetained(key);
      return book.putRetained(key, decodeRetained(entry));
    }
    if (!key.startsWith(SIDECAR_PREFIX)) return new Set();
    const instanceId = key.slice(SIDECAR_PREFIX.length);
    if (entry === undefined) {
      sidecars.delete(instanceId);
      return book.removeSidecar(instanceId);
    }
    const record = decodeSidecar(entry);
    sidecars.set(instanceId, record);
    return book.putSidecar(record, config.config.addresses);
  };
  for (const entry of entries) take({ kind: 'put', entry });
  lookAgain(claimAgain());

  const follow = (until: number): void => {
    history.follow(until);
    for (const [resolve, wanted] of waiting) if (wanted <= until) resolve();
  };
  const apply = (batch: WatchBatch): void => {
    try {
      takeBatch(batch);
    } finally {
      follow(batch.revision);
    }
  };
  const takeBatch = ({ events, revision: version }: WatchBatch): void => {
    const touched = new Set<string>();
    const topics: ViewTopic[] = [];
    for (const event of events) {
      try {
        const taken = take(event);
        if (typeof taken === 'string') topics.push(taken);
        const changed = taken === 'policy' ? claimAgain() : taken;
        if (typeof changed !== 'string') for (const id of changed) touched.add(id);
      } catch (error) {
        const line = { event: 'mesh-change-skipped', key: keyOf(event), err: error };
        logger.error(line, describeError(error));
      }
    }
    const changed = lookAgain(touched);
    if (changed.length === 0 && topics.length === 0) return;
    if (topics.includes('revocations')) list = present = undefined;
    const touch = { version, endpoints: changed, topics };
    history.add(touch);
    listeners.tell(touch);
  };
  const watch = await store.watch(MESH_PREFIX, revision + 1, apply);

  const presentRevocations = (): RevocationList => {
    list ??= new RevocationList([...revoked.values()]);
    // Of all, not of those that were left before: a clock that was ahead at the start may be right by now.
    const left = list.without(settled.settledMs());
    if (present?.all.length !== left.all.length) present = left;
    return present;
  };
  const presentBundle = (): TrustBundle => {
    // The authority writes it before anything else is in the store.
    if (bundle === undefined) throw new TypeError('expected a trust bundle in the store');
    return bundle;
  };
  const presentPolicy = (): MeshPolicy => ({
    configVersion: config.version,
    policy: config.config.authorization,
    egress: config.config.egress,
    routes: config.config.routes,
  });
  return {
    get version() {
      return history.version;
    },
    get followed() {
      return history.followed;
    },
    async follows(wanted) {
      if (history.followed >= wanted) return;
      const { promise, resolve } = Promise.withResolvers<void>();
      waiting.set(resolve, wanted);
      await promise;
      waiting.delete(resolve);
    },
    sidecars,
    endpoints,
    index,
    addresses: book,
    wasAt: (address) => book.isRetained(address) || departed.wasAt(address),
    bundle: presentBundle,
    addressRules: () => config.config.addresses,
    revocations: presentRevocations,
    topics: () => ({
      bundle: presentBundle(),
      federated: [...federated.values()],
      policy: presentPolicy(),
      revocations: presentRevocations(),
    }),
    since: (version) => history.since(version),
    onChange: listeners.add,
    close() {
      settled.close();
      listeners.clear();
      return watch.close();
    },
  };
}

/** One that comes and goes all the time should fill a counter, not the disk. */
const LOG_RATE = { burst: 20, perSecond: 1 };

/** Says when an endpoint claims what another identity holds, and when it does not any more. */
function createConflictLog(
  clock: MonotonicClock,
  logger: Logger,
): (was: MeshEndpoint | undefined, is: MeshEndpoint | undefined) => void {
  const mayLog = createRateLimit(clock, LOG_RATE);
  return (was, is) => {
    const [before, after] = [was, is].map(
      (endpoint) => new Map(endpoint?.contests.map((one) => [`${one.address} ${one.holder}`, one])),
    );
    for (const [key, { address, holder, ports }] of after ?? []) {
      if (is === undefined || before?.has(key) === true || !mayLog()) continue;
      const { instanceId, spiffeId } = is;
      const what = ports.length === 0 ? 'every port' : `port ${ports.slice(0, 10).join(', ')}`;
      logger.warn(
        { event: 'address-conflict', instanceId, spiffeId, address, ports, holder },
        `${spiffeId} claims ${what} of ${address}, which ${holder} had first and keeps`,
      );
    }
    for (const [key, { address, holder }] of before ?? []) {
      if (was === undefined || after?.has(key) === true || !mayLog()) continue;
      const { instanceId, spiffeId } = was;
      const line = { event: 'address-conflict-ended', instanceId, spiffeId, address, holder };
      logger.info(line, `${spiffeId} and ${holder} no longer claim the same at ${address}`);
    }
  };
}
