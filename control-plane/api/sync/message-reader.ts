import { BinaryReader } from '@bufbuild/protobuf/wire';
import type { MonotonicClock } from '../../../common/clock.ts';
import { translating } from '../../../common/errors.ts';
import { TokenBucket } from '../../../common/rate-limit.ts';
import { SyncRequest } from '../../../proto/gen/hauberk/v1/discovery.ts';
import type { CallerLimits } from '../caller-limits.ts';
import { RateLimited } from '../request-error.ts';
import { malformed } from './endings.ts';

/** Far above an acknowledgement for each push, and a report every few seconds. */
const MESSAGE_RATE = { burst: 200, perSecond: 200 };

/** So many reads cost as much as a message of a few. The fullest report takes some tens of thousands. */
const READS_OF_ONE = 1_000;

/**
 * Reads the messages of a stream, within what the stream and its identity may say. What one costs is known once it was read,
 * and a stream that was refused is opened again for little: so the identity owes it, and has to wait before another message
 * of any of its streams is read.
 *
 * The reader throws RequestError `request-malformed`, `rate-limited`.
 */
export function createMessageReader({
  spiffeId,
  limits,
  clock,
}: {
  readonly spiffeId: string;
  readonly limits: Pick<CallerLimits, 'messages'>;
  readonly clock: MonotonicClock;
}): (bytes: Uint8Array) => SyncRequest {
  const messages = new TokenBucket(clock, MESSAGE_RATE);
  return (bytes) => {
    limits.messages.admit(spiffeId);
    const reader = new CountingReader(bytes);
    let cost = 1;
    const request = translating(
      () => {
        try {
          return SyncRequest.decode(reader);
        } finally {
          cost += Math.floor(reader.reads / READS_OF_ONE);
          limits.messages.charge(spiffeId, cost);
        }
      },
      () => malformed('a message of Sync'),
    );
    if (messages.takeUpTo(cost) === cost) return request;
    throw new RateLimited('messages in one second', messages.retryAfterMs);
  };
}

/**
 * Counts what decoding a message takes: every tag, length and number is a read, also of what is not in the message
 * that comes of it, as a field that came again or is not known, and of one that turns out to be malformed. A message may
 * have 320,000 of them, of which reading takes as long as hundreds of acknowledgements.
 */
class CountingReader extends BinaryReader {
  reads = 0;

  constructor(bytes: Uint8Array) {
    super(bytes);
    // A field of each reader, which no method of a subclass replaces.
    const { uint32 } = this;
    this.uint32 = () => {
      this.reads += 1;
      return uint32.call(this);
    };
  }

  // Of a list of these each element is one byte, without a tag.
  override uint64(): bigint | string {
    this.reads += 1;
    return super.uint64();
  }
}
