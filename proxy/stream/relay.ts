import type { ByteStream, StreamClose, StreamReceiver } from './byte-stream.ts';

/** Plain numbers that a relay adds to while it runs; metrics read them when they are scraped. */
export interface RelayCounters {
  /** Bytes from the application to the peer. */
  bytesFromApp: number;
  /** Bytes from the peer to the application. */
  bytesToApp: number;
}

/** Looks at what a relay carries, and changes nothing of it. It must not throw. */
export interface RelayObserver {
  /**
   * A chunk passes, which is about to be written; it is valid during the call only.
   *
   * @returns false to be called no more
   */
  data(side: keyof RelayCounters, chunk: Buffer): boolean;
  /** A direction has ended after what passed. */
  end(side: keyof RelayCounters): void;
}

/** What the application has sent, and is on its way to the peer, before the relay begins. */
export interface SentBytes {
  readonly bytes: Buffer;
  /** The application has ended its direction behind them. The peer has not been told. */
  readonly hasEnded: boolean;
}

/** How a relay ended. */
export type RelayOutcome =
  | 'complete' // Both directions ended with a FIN.
  | 'app-reset' // The application's side broke off.
  | 'peer-reset' // The peer's side reset the stream.
  | 'tunnel-lost' // The tunnel died under the stream.
  | 'shed' // Memory ran out, and it had not been read from for the longest time.
  // The tunnel died before a byte went either way; the application's stream is still open and unread, so that
  // the connection can be tried on another tunnel.
  | 'untouched';

/**
 * Carries bytes between two streams until both directions have ended. Takes over both, and closes the
 * application's in every outcome but `untouched`. Never rejects.
 *
 *     app ends     -> end()               peer ends            -> end()       half-close, each its own
 *     app broke    -> reset()             peer broke           -> reset()     never an end
 *                                         the tunnel is gone   -> reset()
 *                                         peer reads no more   -> close()     RFC 9113 section 8.1
 *
 * A transfer that was cut short must never look complete to the application. ztunnel reads CANCEL as
 * an EOF, and also sends it when it drops a connection halfway, so that reading would let a truncated
 * transfer pass for a complete one: here CANCEL is a reset. We say CONNECT_ERROR when our application
 * broke off (RFC 9113 section 8.5), which ztunnel does not read as an EOF.
 */
export function relay(
  app: ByteStream,
  peer: ByteStream,
  counters: RelayCounters,
  observer?: RelayObserver,
  sent?: SentBytes,
): Promise<RelayOutcome> {
  return new Relay({ app, peer, counters, observer, sent }).done;
}

interface RelayParts {
  readonly app: ByteStream;
  readonly peer: ByteStream;
  readonly counters: RelayCounters;
  readonly observer: RelayObserver | undefined;
  readonly sent: SentBytes | undefined;
}

class Relay {
  readonly done: Promise<RelayOutcome>;
  readonly counters: RelayCounters;
  /** Undefined once it wants to see no more. */
  observer: RelayObserver | undefined;
  /** A byte or an end has gone either way. */
  isTouched = false;
  readonly #resolve: (outcome: RelayOutcome) => void;
  readonly #app: ByteStream;
  readonly #peer: ByteStream;
  #isSettled = false;
  #appEnded = false;
  #peerEnded = false;

  constructor({ app, peer, counters, observer, sent }: RelayParts) {
    const { promise, resolve } = Promise.withResolvers<RelayOutcome>();
    this.done = promise;
    this.counters = counters;
    this.observer = observer;
    this.#resolve = resolve;
    this.#app = app;
    this.#peer = peer;
    const fromApp = new Direction(this, 'bytesFromApp', peer);
    app.attach(fromApp);
    peer.attach(new Direction(this, 'bytesToApp', app));
    if (sent !== undefined) fromApp.passed(sent.bytes);
    // First: when it is lost already, not a byte of the application may be read.
    peer.start();
    if (this.#isSettled) return;
    if (sent?.hasEnded === true) fromApp.end();
    app.start();
  }

  closed(which: keyof RelayCounters, how: StreamClose): void {
    if (which === 'bytesFromApp') this.#appClosed(how);
    else this.#peerClosed(how);
  }

  #appClosed(how: StreamClose): void {
    this.#appEnded = true;
    if (how === 'unread') this.#peer.close();
    if (how === 'ended' || how === 'unread') return this.#completeWhenEnded();
    if (this.#isSettled) return;
    this.#settle('app-reset');
    this.#peer.reset();
  }

  #peerClosed(how: StreamClose): void {
    this.#peerEnded = true;
    switch (how) {
      case 'ended':
        return this.#completeWhenEnded();
      case 'unread':
        // What the application still sends is of no use, but what the peer sent must reach it first.
        this.#app.close();
        return this.#completeWhenEnded();
      case 'lost':
        if (this.isTouched || this.#app.isClosed) return this.#break('tunnel-lost');
        this.#app.detach();
        return this.#settle('untouched');
      case 'reset':
        return this.#break('peer-reset');
      case 'shed':
        return this.#break('shed');
    }
  }

  #completeWhenEnded(): void {
    if (this.#appEnded && this.#peerEnded) this.#settle('complete');
  }

  #break(outcome: RelayOutcome): void {
    if (this.#isSettled) return;
    this.#settle(outcome);
    this.#app.reset();
  }

  #settle(outcome: RelayOutcome): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#resolve(outcome);
  }
}

/** Hears one stream and writes to the other. */
class Direction implements StreamReceiver {
  readonly #relay: Relay;
  readonly #counter: keyof RelayCounters;
  readonly #to: ByteStream;

  constructor(owner: Relay, counter: keyof RelayCounters, to: ByteStream) {
    this.#relay = owner;
    this.#counter = counter;
    this.#to = to;
  }

  data(chunk: Buffer, more: boolean, isOwned: boolean): boolean {
    // Before it is written: an owned chunk is the stream's then, and writing may bring the next one.
    this.passed(chunk);
    return this.#to.write(chunk, more, isOwned);
  }

  /** A chunk goes this way, or has gone. */
  passed(chunk: Buffer): void {
    const { observer } = this.#relay;
    this.#relay.isTouched = true;
    this.#relay.counters[this.#counter] += chunk.length;
    if (observer !== undefined && !observer.data(this.#counter, chunk)) {
      this.#relay.observer = undefined;
    }
  }

  end(): void {
    this.#relay.isTouched = true;
    this.#relay.observer?.end(this.#counter);
    this.#to.end();
  }

  /** By the stream that is heard: its writer is the other direction. */
  written(bytes: number): void {
    this.#to.consumed(bytes);
  }

  spare(bytes: number): void {
    this.#to.holdSpare(bytes);
  }

  closed(how: StreamClose): void {
    this.#relay.closed(this.#counter, how);
  }
}
