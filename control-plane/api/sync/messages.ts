import { BinaryWriter } from '@bufbuild/protobuf/wire';
import type { EpochMs } from '../../../common/clock.ts';
import { toBundleMessage } from '../../../common/wire/bundle.ts';
import { toEndpointMessage } from '../../../common/wire/endpoint.ts';
import { toInterestMessage, type Scope } from '../../../common/wire/interest.ts';
import { toPolicyMessage } from '../../../common/wire/policy.ts';
import {
  Delta,
  Endpoint,
  type Question,
  Snapshot,
  SyncResponse,
  type Watch,
} from '../../../proto/gen/hauberk/v1/discovery.ts';
import type { MeshEndpoint } from '../../registry/addresses/address-book.ts';
import type { ViewTopic } from '../../registry/change-history.ts';
import type { MeshTopics } from '../../registry/mesh-view.ts';

// A message is put together from parts that were encoded before, each once for all sidecars: fields of a
// message may stand in any order, and those of a repeated field add up.

const ENDPOINT_TAG = fieldTag(1);
const VERSION_TAG = 8;
const CHANGE_TAGS = { snapshot: fieldTag(2), delta: fieldTag(3) } as const;

/** What one message says. */
export interface MessageParts {
  readonly kind: 'snapshot' | 'delta';
  readonly version: number;
  /** Present endpoints, each encoded by `encodeEndpoint`. */
  readonly endpoints: readonly Uint8Array[];
  /** Instance ids; a snapshot has none. */
  readonly removed: readonly string[];
  /** What the endpoints are all of; undefined: what an interest has nothing to do with. */
  readonly complete: readonly Scope[] | undefined;
  /** Addresses at which a sidecar was lately. */
  readonly departed: readonly string[];
  /** Encoded by `encodeSnapshotTopics` or `encodeDeltaTopics`. */
  readonly topics: Uint8Array;
}

/** The message in the bytes that travel. */
export function encodeMessage(parts: MessageParts): Buffer {
  const { kind, version, endpoints, removed, complete, departed, topics } = parts;
  const writer = new BinaryWriter().uint32(VERSION_TAG).uint64(version);
  writer.uint32(CHANGE_TAGS[kind]).fork();
  for (const endpoint of endpoints) writer.raw(endpoint);
  writer.raw(topics);
  const about = complete && { complete: toInterestMessage(complete) };
  if (kind === 'snapshot') Snapshot.encode(snapshotOf({ ...about, departed }), writer);
  else Delta.encode(deltaOf({ ...about, departed, removed }), writer);
  return Buffer.from(writer.join().finish());
}

/** An endpoint as a field of a snapshot or of a delta, which have the same number for it. */
export function encodeEndpoint(endpoint: MeshEndpoint): Uint8Array {
  const writer = new BinaryWriter().uint32(ENDPOINT_TAG).fork();
  return Endpoint.encode(toEndpointMessage(endpoint), writer).join().finish();
}

/** All topics, as fields of a snapshot. */
export function encodeSnapshotTopics(topics: MeshTopics): Uint8Array {
  return Snapshot.encode(snapshotOf(toTopicMessages(topics))).finish();
}

/** Those topics that have changed, as fields of a delta. */
export function encodeDeltaTopics(topics: MeshTopics, changed: ReadonlySet<ViewTopic>): Uint8Array {
  const { bundle, federated, revocations, policy } = toTopicMessages(topics);
  return Delta.encode(
    deltaOf({
      bundle: changed.has('bundle') ? bundle : undefined,
      federated: changed.has('federated') ? federated : undefined,
      revocations: changed.has('revocations') ? revocations : undefined,
      policy: changed.has('policy') ? policy : undefined,
    }),
  ).finish();
}

/** What the clock says, in the bytes that travel. */
export function encodeServerTime(epochMs: EpochMs): Buffer {
  const change = { $case: 'serverTime', value: { epochMs } } as const;
  return Buffer.from(SyncResponse.encode({ version: 0, change }).finish());
}

/** Asks for reports of what passes. */
export function encodeWatch(watch: Watch): Buffer {
  const change = { $case: 'watch', value: watch } as const;
  return Buffer.from(SyncResponse.encode({ version: 0, change }).finish());
}

/** Asks the sidecar something, once. */
export function encodeQuestion(question: Question): Buffer {
  const change = { $case: 'question', value: question } as const;
  return Buffer.from(SyncResponse.encode({ version: 0, change }).finish());
}

function toTopicMessages({ bundle, federated, revocations, policy }: MeshTopics) {
  return {
    bundle: toBundleMessage(bundle),
    federated: {
      bundles: federated.map(({ trustDomain, sequence = 0, roots }) =>
        toBundleMessage({ trustDomain, version: sequence, roots }),
      ),
    },
    revocations: { revocations: revocations.all },
    policy: toPolicyMessage(policy),
  };
}

const NOTHING = {
  bundle: undefined,
  federated: undefined,
  revocations: undefined,
  policy: undefined,
  complete: undefined,
  departed: [],
};

function snapshotOf(fields: Partial<Snapshot>): Snapshot {
  return { ...NOTHING, endpoints: [], ...fields };
}

function deltaOf(fields: Partial<Delta>): Delta {
  return { ...NOTHING, upserted: [], removed: [], ...fields };
}

/** Of a field of the wire type LEN (Protocol Buffers, "Encoding"). */
function fieldTag(number: number): number {
  return (number << 3) | 2;
}
