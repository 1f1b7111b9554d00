import type { MonotonicClock, Timer } from '../../../common/clock.ts';
import { describeError } from '../../../common/errors.ts';
import { RpcError } from '../../../common/rpc/rpc-error.ts';
import type { SyncStream } from './stream.ts';

/**
 * Whether there is a stream.
 *
 *                    due                answered              to be replaced
 *     waiting ───────────> connecting ───────────> live ─────────────────────> replacing
 *        ^ ^                   │  ^                │  ^                        │  │   │
 *        │ └────── ended ──────┘  │                │  └── new one answered, ───┘  │   │
 *        │                        │                │      or it ended            │   │
 *        └──────── ended ─────────│────────────────┘                             │   │
 *                                 └────────────────────── old one ended ─────────┘   │
 *     any ── close() ──> closed                                                      │
 *                                        (and to be replaced again: it is remade) ───┘
 *
 * While one stream replaces another both are open, so that the control plane never sees the sidecar
 * gone because its certificate was renewed.
 */
export type ConnectionState =
  | { readonly kind: 'waiting'; readonly failures: number; readonly timer: Timer }
  | { readonly kind: 'connecting'; readonly failures: number; readonly next: SyncStream }
  | {
      readonly kind: 'live';
      readonly failures: number;
      readonly sinceMs: number;
      readonly stream: SyncStream;
    }
  | {
      readonly kind: 'replacing';
      readonly failures: number;
      readonly sinceMs: number;
      readonly stream: SyncStream;
      readonly next: SyncStream;
    }
  | { readonly kind: 'closed' };

/** What a connection needs. */
export interface SyncConnectionSettings {
  readonly clock: MonotonicClock;
  /** How long to wait before the next try, after so many that failed. */
  readonly retryMs: (failures: number) => number;
  /** Opens a stream that reports to `answered` and `ended`. */
  readonly open: () => SyncStream;
  readonly onLive: (stream: SyncStream) => void;
  /** There is no stream any more, or still none. */
  readonly onLost: (error: RpcError, retryInMs: number) => void;
}

/** Keeps one stream open. */
export interface SyncConnection {
  readonly state: ConnectionState;
  /** The stream that messages go to, when there is one. */
  readonly stream: SyncStream | undefined;
  answered(stream: SyncStream): void;
  ended(stream: SyncStream, error: RpcError): void;
  /** Another certificate is in use, or the sidecar or the control plane to call is elsewhere: that needs another connection. */
  replace(): void;
  close(): void;
}

/** A stream that ends sooner counts as one more failure, so that it cannot be remade in a tight loop. */
const STABLE_MS = 10_000;

/** Starts to connect at once. */
export function createSyncConnection(settings: SyncConnectionSettings): SyncConnection {
  const { clock, onLive, onLost, open, retryMs } = settings;
  let state: ConnectionState = { kind: 'connecting', failures: 0, next: open() };

  // The one place where the state changes: a timer or a stream that the next one does not take over
  // ends here.
  function enter(next: ConnectionState): void {
    const before = state;
    state = next;
    if (before.kind === 'waiting') before.timer.cancel();
    const kept = new Set(streamsOf(next));
    for (const stream of streamsOf(before)) if (!kept.has(stream)) stream.close();
  }

  function connect(failures: number): void {
    try {
      enter({ kind: 'connecting', failures, next: open() });
    } catch (error) {
      // The system refused something, say: it must not be the last try.
      wait(failures + 1, new RpcError('internal', describeError(error)));
    }
  }

  function wait(failures: number, error: RpcError): void {
    const delayMs = retryMs(failures);
    const timer = clock.after(delayMs, () => connect(failures));
    enter({ kind: 'waiting', failures, timer });
    onLost(error, delayMs);
  }

  return {
    get state() {
      return state;
    },
    get stream() {
      return state.kind === 'live' || state.kind === 'replacing' ? state.stream : undefined;
    },
    answered(stream) {
      if ((state.kind === 'connecting' || state.kind === 'replacing') && state.next === stream) {
        enter({ kind: 'live', failures: state.failures, sinceMs: clock.monotonicMs(), stream });
        onLive(stream);
      }
    },
    ended(stream, error) {
      if (state.kind === 'connecting' && state.next === stream) wait(state.failures + 1, error);
      else if (state.kind === 'live' && state.stream === stream) {
        const stable = clock.monotonicMs() - state.sinceMs >= STABLE_MS;
        wait(stable ? 1 : state.failures + 1, error);
      } else if (state.kind === 'replacing' && state.next === stream) {
        enter({ ...state, kind: 'live' });
      } else if (state.kind === 'replacing' && state.stream === stream) {
        enter({ kind: 'connecting', failures: state.failures, next: state.next });
      }
    },
    replace() {
      if (state.kind === 'live' || state.kind === 'replacing') {
        enter({ ...state, kind: 'replacing', next: open() });
      } else if (state.kind !== 'closed') {
        // A sidecar that renewed has just reached the control plane; one that moved may reach it now.
        connect(state.failures);
      }
    },
    close: () => enter({ kind: 'closed' }),
  };
}

function streamsOf(state: ConnectionState): SyncStream[] {
  switch (state.kind) {
    case 'connecting':
      return [state.next];
    case 'live':
      return [state.stream];
    case 'replacing':
      return [state.stream, state.next];
    case 'waiting':
    case 'closed':
      return [];
  }
}
