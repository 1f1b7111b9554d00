import {
  WatchService,
  type Event,
  type WatchResponse,
} from '../../../proto/gen/etcdserverpb/rpc.ts';
import type { MonotonicClock } from '../../../common/clock.ts';
import { ignoreError } from '../../../common/ignored.ts';
import { StoreError } from '../store-error.ts';
import type { EtcdClient } from './client.ts';
import { endOfStream } from './etcd-error.ts';
import type { EtcdRange } from './key-space.ts';

/** A member that does not begin a watch within this time is not waited for. */
const CREATE_MS = 2_000;

/** What one stream of a watch takes. */
export interface WatchStreamOptions {
  readonly client: EtcdClient;
  readonly clock: MonotonicClock;
  readonly range: EtcdRange;
  /** etcd's revision of the first change that is sent. */
  readonly startRevision: number;
  /** Called when the member has begun to watch. */
  readonly onCreated: () => void;
  readonly onEvents: (events: readonly Event[]) => void;
  /** Ends it. */
  readonly signal: AbortSignal;
}

/**
 * Watches at the member in use, until that fails or another one is in use.
 *
 * @returns when the changes from its start on are compacted
 * @throws StoreError when another stream has to go on; whatever the signal was aborted with
 */
export async function streamChanges(options: WatchStreamOptions): Promise<void> {
  const { client, clock, range, startRevision, onCreated, onEvents, signal } = options;
  const { member, stream } = await client.open(WatchService.watch);
  const { promise: ended, resolve, reject } = Promise.withResolvers<void>();
  const fail = (error: unknown): void => reject(client.failed(member, error));
  stream.on('error', fail);
  stream.on('end', () => fail(endOfStream('it ended the watch')));
  const late = clock.after(CREATE_MS, () => fail(endOfStream('it did not begin to watch')));
  stream.on('data', (response: WatchResponse) => {
    const { created, canceled, compactRevision, cancelReason, events } = response;
    if (created) late.cancel();
    if (canceled && compactRevision > 0) return resolve();
    if (canceled) return fail(endOfStream(cancelReason));
    if (created) onCreated();
    if (events.length > 0) onEvents(events);
  });
  const stopFollowing = client.onMove((left) => {
    if (left === member) reject(new StoreError('unavailable', `${member.name} is not in use`));
  });
  const onAbort = (): void => reject(signal.reason as Error);
  signal.addEventListener('abort', onAbort);
  if (signal.aborted) onAbort();
  try {
    stream.write({
      requestUnion: { $case: 'createRequest', value: { ...range, startRevision } },
    });
    await ended;
  } finally {
    late.cancel();
    stopFollowing();
    signal.removeEventListener('abort', onAbort);
    stream.off('error', fail).on('error', ignoreError);
    stream.cancel();
  }
}
