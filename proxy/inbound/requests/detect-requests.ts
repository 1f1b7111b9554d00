import { detectClient, isServerOf } from '../../http/observe/detect.ts';
import { HeldStream, type StreamTap } from '../../stream/held-stream.ts';
import type { ByteStream } from '../../stream/byte-stream.ts';
import type { MonotonicClock } from '../../../common/clock.ts';
import type { Guard } from '../../../common/guard.ts';

/** The two ends of a connection whose requests are to be decided about. */
export interface HeldConnection {
  /** The caller's. */
  readonly client: HeldStream;
  /** The application's. */
  readonly app: HeldStream;
}

/** What a connection carries; `nothing` where no side has said a word. */
export type Carried = 'http1' | 'http2' | 'other' | 'nothing';

/** A caller that has said nothing by then is no client of HTTP; longer than a browser keeps a spare connection unused. */
const FIRST_BYTES_TIMEOUT_MS = 60_000;

/**
 * Waits until the first bytes say what a connection carries: those of the caller, or those of an application that
 * speaks first. `decided` is called once, also for a connection that ends before, or says too little in time.
 */
export function detectRequests(
  { client, app, tap }: { client: ByteStream; app: ByteStream; tap: StreamTap },
  { clock, guard }: { readonly clock: MonotonicClock; readonly guard: Guard },
  decided: (carried: Carried, connection: HeldConnection) => void,
): HeldConnection {
  let isDecided = false;
  const decide = (carried: Carried): void => {
    if (isDecided) return;
    isDecided = true;
    timer.cancel();
    decided(carried, connection);
  };
  const unknown = (): Carried => {
    const { client: from, app: to } = connection;
    return from.held.length + to.held.length === 0 ? 'nothing' : 'other';
  };
  const look = (): void => {
    const { client: from, app: to } = connection;
    if (from.closedAs !== undefined || to.closedAs !== undefined) return decide(unknown());
    const protocol = from.held.length > 0 ? detectClient(from.held) : undefined;
    if (protocol !== undefined) return decide(protocol === 'tcp' ? 'other' : protocol);
    const hasSpokenFirst = to.held.length > 0 && isServerOf('http2', to.held) === false;
    if (from.hasEnded || to.hasEnded || hasSpokenFirst) decide(unknown());
  };
  const connection = {
    client: new HeldStream(client, guard, look, tap),
    app: new HeldStream(app, guard, look),
  };
  const timer = clock.after(FIRST_BYTES_TIMEOUT_MS, () => decide(unknown()));
  connection.client.listen();
  connection.app.listen();
  return connection;
}
