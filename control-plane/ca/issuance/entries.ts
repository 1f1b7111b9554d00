import type { X509Certificate } from 'node:crypto';
import type { Closeable } from '../../../common/lifecycle.ts';
import { CLOCK_SKEW_MS } from '../../../common/pki/lifetimes.ts';
import { serialOf } from '../../../common/pki/revocation.ts';
import { SYSTEM_NAMESPACE, type SpiffeId } from '../../../common/pki/spiffe-id.ts';
import { recordCodec } from '../../store/record-codec.ts';
import type { Entry, Operation, Store } from '../../store/store.ts';
import { issuanceRecord, type Issuance } from './record.ts';

/** Which part of the log to read. */
export interface IssuanceQuery {
  /** At most MAX_LISTED, which is also the default. */
  readonly limit?: number;
  readonly spiffeId?: SpiffeId;
}

/** Whose part of the log to read. */
export interface IssuanceScope {
  readonly namespace: string;
  /** Undefined: all of the namespace. */
  readonly service?: string | undefined;
}

/** Who has a certificate, within the trust domain of the mesh. */
export type WorkloadName = Pick<SpiffeId, 'namespace' | 'service'>;

/** An answer with so many entries (about 1.5 MB) still fits into gRPC's 4 MB. */
export const MAX_LISTED = 10_000;

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
const identityPrefix = ({ namespace, service }: WorkloadName): string =>
  `${BY_IDENTITY}${namespace}/${service}/`;

/** Digits of a time in a key: enough until the year 33658, so that byte order is time order. */
const TIME_DIGITS = 15;

const orderOf = ({ issuedMs, serial }: Issuance): string =>
  `${String(issuedMs).padStart(TIME_DIGITS, '0')}-${serial}`;

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

/** Reads the log, newest first. */
export async function listIssuances(
  store: Store,
  { limit = MAX_LISTED, spiffeId }: IssuanceQuery,
): Promise<Issuance[]> {
  const { entries } = await store.range(spiffeId ? identityPrefix(spiffeId) : BY_TIME, {
    order: 'descending',
    limit: Math.min(limit, MAX_LISTED),
  });
  return entries.map(decode);
}

/** All entries of a service, or of a namespace, in the order of time. */
export async function issuancesOf(
  store: Store,
  { namespace, service }: IssuanceScope,
): Promise<Issuance[]> {
  const prefix =
    service === undefined ? `${BY_IDENTITY}${namespace}/` : identityPrefix({ namespace, service });
  const { entries } = await store.range(prefix);
  return entries.map(decode);
}

/** Every identity that the log has an entry of. Reads the keys of the whole log. */
export async function loggedIdentities(store: Store): Promise<readonly WorkloadName[]> {
  const { entries } = await store.range(BY_IDENTITY);
  const names = new Set(entries.map(({ key }) => key.slice(0, key.lastIndexOf('/'))));
  return Array.from(names, (name) => {
    const [namespace = '', service = ''] = name.slice(BY_IDENTITY.length).split('/');
    return { namespace, service };
  });
}

/** The entry of a serial number, of any identity. Reads the keys of the whole log. */
export async function issuanceBySerial(
  store: Store,
  serial: string,
): Promise<Issuance | undefined> {
  const { entries } = await store.range(BY_TIME);
  const entry = entries.find(({ key }) => key.endsWith(`-${serial}`));
  return entry === undefined ? undefined : decode(entry);
}

/**
 * The entry of a certificate. A workload's is found by its second: NotBefore is backdated by a fixed
 * time, in whole seconds. Those of the mesh itself are few. Undefined for those that are older than the
 * log.
 */
export async function issuanceOf(
  store: Store,
  certificate: X509Certificate,
  spiffeId: SpiffeId,
): Promise<Issuance | undefined> {
  const serial = serialOf(certificate);
  const issuedMs = certificate.validFromDate.getTime() + CLOCK_SKEW_MS;
  const second = String(issuedMs).padStart(TIME_DIGITS, '0').slice(0, -3);
  const isOwn = spiffeId.namespace === SYSTEM_NAMESPACE;
  const { entries } = await store.range(identityPrefix(spiffeId) + (isOwn ? '' : second));
  const entry = entries.find(({ key }) => key.endsWith(`-${serial}`));
  return entry === undefined ? undefined : decode(entry);
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
  return forget(decode(entry));
}

function forget(issuance: Issuance): Operation[] {
  const [, , , , namespace = '', , service = ''] = issuance.spiffeId.split('/');
  const order = orderOf(issuance);
  return [
    { kind: 'delete', key: BY_TIME + order },
    { kind: 'delete', key: identityPrefix({ namespace, service }) + order },
  ];
}
