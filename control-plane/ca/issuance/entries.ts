import type { Closeable } from '../../../common/lifecycle.ts';
import { issuedMsOf } from '../../../common/pki/leaf.ts';
import { serialOf, type JudgedCertificate } from '../../../common/pki/revocation.ts';
import { SYSTEM_NAMESPACE, type SpiffeId } from '../../../common/pki/spiffe-id.ts';
import { recordCodec } from '../../store/record-codec.ts';
import type { Entry, Operation, RangeOptions, Store } from '../../store/store.ts';
import { issuanceRecord, type Issuance } from './record.ts';

/** Who has a certificate, within the trust domain of the mesh. */
export type WorkloadName = Pick<SpiffeId, 'namespace' | 'service'>;

type Scope = Pick<SpiffeId, 'namespace'> & { readonly service?: string | undefined };

/** The entries of the log. All of it throws StoreError. */
export interface Issuances {
  /** The newest first, at most MAX_LISTED, which is also the default. */
  issuances(query: { readonly limit?: number; readonly spiffeId?: SpiffeId }): Promise<Issuance[]>;
  /** All entries of a service, or of a namespace when none is named, in the order of time. */
  issuancesOf(of: Scope): Promise<Issuance[]>;
  /** Every identity that the log has an entry of. Reads the keys of the whole log. */
  loggedIdentities(): Promise<readonly WorkloadName[]>;
  /** The entry of a serial number, of any identity. Reads the keys of the whole log. */
  issuanceBySerial(serial: string): Promise<Issuance | undefined>;
  /** The entry of a certificate; undefined for those that are older than the log. */
  issuanceOf(certificate: JudgedCertificate, spiffeId: SpiffeId): Promise<Issuance | undefined>;
}

/** An answer with so many entries (about 1.5 MB) still fits into gRPC's 4 MB. */
const MAX_LISTED = 10_000;

/**
 * An entry stays for a day after its certificate expired at least, so that yesterday's incident can be
 * looked into; longer where it may be renewed for longer. With certificates of an hour that are renewed at half of their life, 1,000 sidecars keep
 * about 45,000 entries (some 30 MB).
 */
export const RETENTION_MS = 24 * 60 * 60 * 1000;

/*
 * Each entry is stored twice, so that both questions are one range of the store:
 *   issued/<time>-<serial>
 *   issued-to/<namespace>/<service>/<time>-<serial>
 */
/** Where the log is in the order of time. */
export const BY_TIME = 'issued/';

/** Where it is once more, by identity. */
export const BY_IDENTITY = 'issued-to/';
const identityPrefix = ({ namespace, service }: Scope): string =>
  `${BY_IDENTITY}${namespace}/${service === undefined ? '' : `${service}/`}`;

/** Digits of a time in a key: enough until the year 33658, so that byte order is time order. */
const TIME_DIGITS = 15;

const timeText = (issuedMs: number): string => String(issuedMs).padStart(TIME_DIGITS, '0');

const orderOf = ({ issuedMs, serial }: Pick<Issuance, 'serial'> & { issuedMs: number }): string =>
  `${timeText(issuedMs)}-${serial}`;

/** Where an entry is in the log. */
export const issuanceKey = (issuance: Issuance): string => BY_TIME + orderOf(issuance);

const { encode, decode } = recordCodec('an issuance', issuanceRecord);

/** The changes of the store that write an entry down. */
export function recordIssuance(issuance: Issuance, spiffeId: SpiffeId): Operation[] {
  const value = encode(issuance);
  const order = orderOf(issuance);
  return [
    { kind: 'put', key: BY_TIME + order, value },
    { kind: 'put', key: identityPrefix(spiffeId) + order, value },
  ];
}

/** The entries that the log in a store holds. */
export function issuancesIn(store: Store): Issuances {
  const list = async (prefix: string, options?: RangeOptions): Promise<Issuance[]> =>
    (await store.range(prefix, options)).entries.map(decode);
  const find = async (prefix: string, serial: string): Promise<Issuance | undefined> => {
    const { entries } = await store.range(prefix);
    const entry = entries.find(({ key }) => key.endsWith(`-${serial}`));
    return entry && decode(entry);
  };
  return {
    issuances: ({ limit = MAX_LISTED, spiffeId }) =>
      list(spiffeId ? identityPrefix(spiffeId) : BY_TIME, {
        order: 'descending',
        limit: Math.min(limit, MAX_LISTED),
      }),
    issuancesOf: (of) => list(identityPrefix(of)),
    async loggedIdentities() {
      const { entries } = await store.range(BY_IDENTITY);
      const names = new Set(entries.map(({ key }) => key.slice(0, key.lastIndexOf('/'))));
      return Array.from(names, (name) => {
        const [namespace = '', service = ''] = name.slice(BY_IDENTITY.length).split('/');
        return { namespace, service };
      });
    },
    issuanceBySerial: (serial) => find(BY_TIME, serial),
    async issuanceOf(certificate, spiffeId) {
      const [of, serial] = [identityPrefix(spiffeId), serialOf(certificate)];
      // Those of the mesh itself are few, and backdated otherwise.
      if (spiffeId.namespace === SYSTEM_NAMESPACE) return find(of, serial);
      // An identity may have got a thousand certificates within a second: of a service with as many instances.
      const issuedMs = issuedMsOf(certificate);
      const exact = await store.get(of + orderOf({ issuedMs, serial }));
      if (exact !== undefined) return decode(exact);
      // One of an older version: NotBefore, in whole seconds, is what tells when it was issued.
      return find(of + timeText(issuedMs).slice(0, -3), serial);
    },
  };
}

/**
 * Calls back with every entry that there is, and then with every new one, until it is closed. What was
 * there is told before this resolves.
 */
export async function followIssuances(
  store: Store,
  listener: (issuance: Issuance) => void,
): Promise<Closeable> {
  const { entries, revision } = await store.range(BY_TIME);
  for (const entry of entries) listener(decode(entry));
  return store.watch(BY_TIME, revision + 1, ({ events }) => {
    for (const event of events) if (event.kind === 'put') listener(decode(event.entry));
  });
}

/** Whether an entry is older than it has to be. */
export function isForgettable(entry: Entry, nowMs: number, retentionMs: number): boolean {
  return decode(entry).notAfterMs + retentionMs < nowMs;
}

/** The changes of the store that forget an entry. */
export function forgetEntry(entry: Entry): Operation[] {
  const issuance = decode(entry);
  const [, , , , namespace = '', , service = ''] = issuance.spiffeId.split('/');
  const order = orderOf(issuance);
  return [
    { kind: 'delete', key: BY_TIME + order },
    { kind: 'delete', key: identityPrefix({ namespace, service }) + order },
  ];
}
