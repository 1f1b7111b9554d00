import { z } from 'zod';
import type { SpiffeId } from '../../common/pki/spiffe-id.ts';
import { StoreError } from '../store/store-error.ts';
import type { Entry, Operation, Store } from '../store/store.ts';

/**
 * How a caller proved who it is: with a join token, with its current certificate, or by being the
 * control plane, which issues its own and the operator's certificate.
 */
export type Proof =
  | { readonly kind: 'token'; readonly tokenId: string }
  | { readonly kind: 'renewal' }
  | { readonly kind: 'self' };

const issuanceRecord = z.object({
  serial: z.string(),
  spiffeId: z.string(),
  issuedMs: z.number(),
  notAfterMs: z.number(),
  proof: z.enum(['token', 'renewal', 'self']),
  tokenId: z.string().optional(),
});

/** One certificate that was issued: who, which, when, until, on what proof. */
export type Issuance = Readonly<z.infer<typeof issuanceRecord>>;

/** Which part of the log to read. */
export interface IssuanceQuery {
  /** At most MAX_LISTED, which is also the default. */
  readonly limit?: number;
  readonly spiffeId?: SpiffeId;
}

/** An answer with so many entries (about 1.5 MB) still fits into gRPC's 4 MB. */
export const MAX_LISTED = 10_000;

/**
 * An entry stays for a day after its certificate expired, so that yesterday's incident can be looked
 * into. With certificates of an hour that are renewed at half of their life, 1,000 sidecars keep
 * about 45,000 entries (some 30 MB).
 */
export const RETENTION_MS = 24 * 60 * 60 * 1000;

/*
 * Each entry is stored twice, so that both questions are one range of the store:
 *   issued/<time>-<serial>
 *   issued-to/<namespace>/<service>/<time>-<serial>
 */
const BY_TIME = 'issued/';
const BY_IDENTITY = 'issued-to/';
const identityPrefix = ({ namespace, service }: Pick<SpiffeId, 'namespace' | 'service'>): string =>
  `${BY_IDENTITY}${namespace}/${service}/`;

/** Digits of a time in a key: enough until the year 33658, so that byte order is time order. */
const TIME_DIGITS = 15;

const orderOf = ({ issuedMs, serial }: Issuance): string =>
  `${String(issuedMs).padStart(TIME_DIGITS, '0')}-${serial}`;

/** The changes of the store that write an entry down. */
export function recordIssuance(issuance: Issuance, spiffeId: SpiffeId): Operation[] {
  const value = Buffer.from(JSON.stringify(issuance));
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

/** Entries looked at in one go: two deletions each must fit into one transaction of the store. */
const PRUNE_BATCH = 50;

/**
 * Removes entries that are older than they have to be, oldest first, and stops where a whole batch is
 * still needed: entries of short-lived certificates behind long-lived ones stay a few days longer.
 *
 * @returns how many were removed
 */
export async function pruneIssuances(store: Store, nowMs: number): Promise<number> {
  for (let removed = 0; ;) {
    const { entries } = await store.range(BY_TIME, { limit: PRUNE_BATCH });
    const due = entries.map(decode).filter(({ notAfterMs }) => notAfterMs + RETENTION_MS < nowMs);
    if (due.length === 0) return removed;
    await store.transact([], due.flatMap(forget));
    removed += due.length;
  }
}

function forget(issuance: Issuance): Operation[] {
  const [, , , , namespace = '', , service = ''] = issuance.spiffeId.split('/');
  const order = orderOf(issuance);
  return [
    { kind: 'delete', key: BY_TIME + order },
    { kind: 'delete', key: identityPrefix({ namespace, service }) + order },
  ];
}

function decode({ key, value }: Entry): Issuance {
  try {
    return issuanceRecord.parse(JSON.parse(value.toString()));
  } catch (cause) {
    throw new StoreError('corrupt', `the store holds something else than an issuance at ${key}`, {
      cause,
    });
  }
}
