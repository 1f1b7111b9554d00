import { z } from 'zod';
import { SOFTWARE_VERSION } from '../../../common/process/version.ts';
import type { RequestOp } from '../../../proto/gen/etcdserverpb/rpc.ts';
import { StoreError } from '../store-error.ts';
import type { EtcdClient } from './client.ts';
import { ONE_KEY, prefixRange, type KeySpace } from './key-space.ts';
import { readRange } from './ranges.ts';
import { modCompare, type Receipts } from './receipts.ts';

/**
 * What is under the prefix. A change of it that an older Hauberk could not read is another version, which says in
 * `neededVersion` what can read it.
 */
const SCHEMA_VERSION = 1;

const schemaRecord = z.object({
  hauberk: z.literal('store'),
  version: z.int().positive(),
  /** The oldest Hauberk that can use the store. */
  neededVersion: z.string(),
  /** See `KeySpace`. */
  revisionOffset: z.int().nonnegative(),
});

type SchemaRecord = z.infer<typeof schemaRecord>;

/** What takes up a store. */
export interface SchemaOptions {
  readonly client: EtcdClient;
  readonly space: KeySpace;
  readonly receipts: Receipts;
  /** For a store that is new, or has nothing in it; see `KeySpace`. */
  readonly revisionOffset?: number;
  /** Where there is no store, none is begun. */
  readonly mustExist?: boolean;
}

/**
 * Looks what is under the prefix, and begins a store where there is nothing.
 *
 * @throws StoreError `incompatible` when it is of another program or of a newer Hauberk; `unavailable` when there is
 *   none, and it must exist
 */
export async function openSchema(options: SchemaOptions): Promise<void> {
  const { client, space, revisionOffset = 0, mustExist = false } = options;
  const key = Buffer.from(`${space.prefix}schema`);
  const found = await readRange(client, { key, ...ONE_KEY });
  const [entry] = found.kvs;
  if (entry === undefined && mustExist) {
    const hint = 'name the etcd and the --store-prefix that the control planes use';
    throw new StoreError('unavailable', `there is no store under ${space.prefix} in etcd`, {
      hint,
    });
  }
  if (entry === undefined) return begin(options, key);
  const record = readRecord(space.prefix, entry.value);
  if (record.version > SCHEMA_VERSION) {
    const sentence = `the store under ${space.prefix} in etcd has schema version ${record.version}, but this Hauberk ${SOFTWARE_VERSION} knows versions up to ${SCHEMA_VERSION}`;
    const hint = `run Hauberk ${record.neededVersion} or later, or restore a backup from before the upgrade`;
    throw new StoreError('incompatible', sentence, { hint });
  }
  const { modRevision } = entry;
  const raised =
    revisionOffset > record.revisionOffset &&
    (await replace(options, { key, modRevision }, { ...record, revisionOffset }));
  space.revisionOffset = raised ? revisionOffset : record.revisionOffset;
}

/** Only while nothing is in the store: no sidecar knows a revision of it then. */
async function replace(
  { space, receipts }: SchemaOptions,
  { key, modRevision }: { readonly key: Buffer; readonly modRevision: number },
  record: SchemaRecord,
): Promise<boolean> {
  const unchanged = modCompare({ key, ...ONE_KEY }, modRevision);
  const empty = modCompare(space.rangeOf(''), 0);
  const { succeeded } = await receipts.transact([unchanged, empty], [putRecord(key, record)]);
  return succeeded;
}

function putRecord(key: Buffer, record: SchemaRecord): RequestOp {
  const value = Buffer.from(JSON.stringify(record));
  return { request: { $case: 'requestPut', value: { key, value, lease: 0 } } };
}

async function begin(options: SchemaOptions, key: Buffer): Promise<void> {
  const { client, space, receipts, revisionOffset = 0 } = options;
  const record: SchemaRecord = {
    hauberk: 'store',
    version: SCHEMA_VERSION,
    neededVersion: SOFTWARE_VERSION,
    revisionOffset,
  };
  const nothing = modCompare(prefixRange(Buffer.from(space.prefix)), 0);
  const { succeeded } = await receipts.transact([nothing], [putRecord(key, record)]);
  if (succeeded) {
    space.revisionOffset = revisionOffset;
    return;
  }
  // Another control plane may have begun the store at this moment.
  const { kvs } = await readRange(client, { key, ...ONE_KEY });
  if (kvs.length === 0) throw ofAnother(space.prefix);
  await openSchema(options);
}

function readRecord(prefix: string, value: Buffer): SchemaRecord {
  try {
    return schemaRecord.parse(JSON.parse(value.toString()));
  } catch {
    throw ofAnother(prefix);
  }
}

function ofAnother(prefix: string): StoreError {
  const sentence = `what is under ${prefix} in etcd was written by another program`;
  const hint = 'choose another --store-prefix for the mesh';
  return new StoreError('incompatible', sentence, { hint });
}
