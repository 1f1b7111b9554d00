import type { MonotonicClock } from '../../common/clock.ts';
import type { HeaderField } from './hpack/static-table.ts';
import type { MemoryBudget } from './memory-budget.ts';
import type { Outbox } from './outbox.ts';
import type { StreamObserver } from './stream-observer.ts';

/** What a connection needs of a stream. */
export interface HostedStream {
  readonly id: number;
  /** What the peer allows us to send; below zero after it has shrunk its windows. */
  sendWindowBytes: number;
}

/** What a stream needs of its connection. */
export interface StreamHost {
  readonly outbox: Outbox;
  readonly budget: MemoryBudget;
  /** On whose account bytes wait. */
  readonly owner: string;
  readonly clock: MonotonicClock;
  /** Sends what windows and frame sizes allow of `chunk`, and says how many bytes that was. */
  transmit(stream: HostedStream, chunk: Buffer, maxBytes: number): number;
  /** Sends header fields. */
  sendFields(stream: HostedStream, fields: readonly HeaderField[], endStream: boolean): void;
  /** So many bytes more wait in memory, or fewer when it is below zero. */
  held(bytes: number): void;
  /** The stream is closed; `byReset` when frames of it may still be on their way here. */
  closed(stream: HostedStream, byReset: boolean): void;
}

/** What a stream is made with. */
export interface StreamOptions {
  readonly id: number;
  readonly host: StreamHost;
  readonly observer: StreamObserver | undefined;
  /** The peer's SETTINGS_INITIAL_WINDOW_SIZE. */
  readonly sendWindowBytes: number;
  readonly maxReceiveWindowBytes: number;
  /** True for a stream that the peer has opened with its request. */
  readonly hasHead: boolean;
}
