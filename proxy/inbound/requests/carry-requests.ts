import type { Decision } from '../../../common/authorization/authorize.ts';
import type { ConnectionEnd } from '../../metrics/peers.ts';
import type { ConnectionMetrics } from '../../metrics/proxy-metrics.ts';
import type { ByteStream, StreamClose } from '../../stream/byte-stream.ts';
import type { StreamTap } from '../../stream/held-stream.ts';
import { relay } from '../../stream/relay.ts';
import { type Carried, detectRequests, type HeldConnection } from './detect-requests.ts';
import {
  type HttpCarried,
  RequestConnection,
  type RequestConnectionOptions,
} from './request-connection.ts';

/** What carrying a connection takes whose requests are looked at. */
export interface CarryRequestsOptions extends Omit<
  RequestConnectionOptions,
  'version' | 'client' | 'app' | 'closed'
> {
  readonly client: ByteStream;
  readonly app: ByteStream;
  readonly connection: ConnectionMetrics;
  /** What the policy of this moment says to a connection without requests. */
  readonly decideBytes: () => Decision;
  readonly bytesDenied: (denial: Decision & { readonly allowed: false }) => void;
  readonly bytesAudited: (rules: readonly string[]) => void;
}

/** A connection that is carried. */
export interface CarriedRequests {
  /** How it ended. Never rejects. */
  readonly done: Promise<ConnectionEnd>;
  /** True while its requests are decided about one by one, or it is not known yet what it carries. */
  readonly hasRequests: boolean;
  /** Has requests end it as soon as they can: the caller makes another one, at another endpoint. */
  drain(): void;
  /** Breaks it off. */
  cut(): void;
}

/**
 * Carries a connection as the requests that are in it. One that carries none is relayed as bytes where the policy
 * allows that, and broken off otherwise, before a byte of the caller has reached the application.
 */
export function carryRequests(options: CarryRequestsOptions): CarriedRequests {
  return new RequestCarrier(options);
}

class RequestCarrier implements CarriedRequests {
  readonly done: Promise<ConnectionEnd>;
  hasRequests = true;
  readonly #options: CarryRequestsOptions;
  readonly #resolve: (end: ConnectionEnd) => void;
  readonly #held: HeldConnection;
  #requests: RequestConnection | undefined;
  #isDraining = false;

  constructor(options: CarryRequestsOptions) {
    const { promise, resolve } = Promise.withResolvers<ConnectionEnd>();
    this.#options = options;
    this.done = promise;
    this.#resolve = resolve;
    const { client, app, connection } = options;
    this.#held = detectRequests({ client, app, tap: tapOf(connection) }, options, (carried, held) =>
      this.#decided(carried, held),
    );
  }

  drain(): void {
    this.#isDraining = true;
    this.#requests?.drain();
  }

  cut(): void {
    if (this.#requests === undefined) {
      this.#held.app.reset();
      this.#held.client.reset();
    } else this.#requests.destroy();
    this.#resolve('denied');
  }

  #decided(carried: Carried, held: HeldConnection): void {
    if (carried === 'http1' || carried === 'http2') return this.#serve(carried, held);
    const decision = this.#options.decideBytes();
    const { app, client } = held;
    if (decision.allowed) {
      if (decision.audited.length > 0) this.#options.bytesAudited(decision.audited);
      this.hasRequests = false;
      // What passes is counted already, where the caller's stream is held.
      const relayed = relay(app, client, { bytesFromApp: 0, bytesToApp: 0 }).then((outcome) => {
        if (outcome === 'untouched') app.reset();
        this.#resolve(outcome);
      });
      return this.#options.guard.promise('inbound', relayed);
    }
    app.reset();
    if (carried === 'nothing') {
      client.close();
      return this.#resolve(endOf(client.closedAs ?? 'ended'));
    }
    this.#options.bytesDenied(decision);
    client.reset();
    this.#resolve('denied');
  }

  #serve(version: HttpCarried, held: HeldConnection): void {
    const closed = (): void => this.#resolve(endOf(held.client.closedAs ?? 'ended'));
    this.#requests = new RequestConnection({ ...this.#options, ...held, version, closed });
    if (this.#isDraining) this.#requests.drain();
  }
}

/** Counts what passes at the caller's stream, and shows it to what looks at requests. */
function tapOf({ counters, observer }: ConnectionMetrics): StreamTap {
  let looking = observer;
  return {
    read(chunk) {
      counters.bytesToApp += chunk.length;
      if (looking?.data('bytesToApp', chunk) === false) looking = undefined;
    },
    written(chunk) {
      counters.bytesFromApp += chunk.length;
      if (looking?.data('bytesFromApp', chunk) === false) looking = undefined;
    },
    readEnded: () => looking?.end('bytesToApp'),
    writeEnded: () => looking?.end('bytesFromApp'),
  };
}

function endOf(how: StreamClose): ConnectionEnd {
  switch (how) {
    case 'ended':
    case 'unread':
      return 'complete';
    case 'reset':
      return 'peer-reset';
    case 'lost':
      return 'tunnel-lost';
    case 'shed':
      return 'shed';
  }
}
