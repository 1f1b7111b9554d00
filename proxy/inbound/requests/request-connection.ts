import type { Decision, DenialReason } from '../../../common/authorization/authorize.ts';
import type { HttpRequest } from '../../../common/authorization/request-condition.ts';
import type { MonotonicClock } from '../../../common/clock.ts';
import type { Guard } from '../../../common/guard.ts';
import type {
  ServerConnection,
  ServerConnectionHandler,
  ServerExchange,
} from '../../http/exchange.ts';
import { FieldNames } from '../../http/fields/identity-fields.ts';
import { CLIENT_CERTIFICATE } from '../../http/fields/request-fields.ts';
import type { Deadlines } from '../../http/forward/deadlines.ts';
import { DirectRoute } from '../../http/forward/direct-route.ts';
import type { ForwardLimits } from '../../http/forward/forward-limits.ts';
import { ForwardedRequest } from '../../http/forward/forwarded-request.ts';
import { GRPC_STATUS, refusal, type Refusal } from '../../http/forward/refusal.ts';
import { connectHttp1 } from '../../http/http1/client-connection.ts';
import { serveHttp1 } from '../../http/http1/server-connection.ts';
import { connectHttp2 } from '../../http/http2/connect.ts';
import { serveHttp2 } from '../../http/http2/serve.ts';
import type { RequestHead } from '../../http/message.ts';
import type { Dialled } from '../../http/upstream/pooled-connection.ts';
import { Upstream } from '../../http/upstream/upstream.ts';
import type { MemoryBudget } from '../../http2/memory-budget.ts';
import type { LiveConnections } from '../../policy/live-connections.ts';
import type { ByteStream } from '../../stream/byte-stream.ts';
import type { HeldStream } from '../../stream/held-stream.ts';
import { readingsOf } from './readings.ts';

/** A decision that refuses. */
type Denial = Decision & { readonly allowed: false };

/** What a connection speaks, on both sides of us: an application gets what its caller has chosen. */
export type HttpCarried = 'http1' | 'http2';

/** What serving the requests of a connection takes. */
export interface RequestConnectionOptions {
  readonly version: HttpCarried;
  readonly client: ByteStream;
  /** The connection to the application that was made with it. */
  readonly app: HeldStream;
  /** Makes another one, when the application has ended that. */
  readonly dial: (signal: AbortSignal) => Promise<ByteStream>;
  /** Who the application is, for messages. */
  readonly place: string;
  /** What `X-Forwarded-Client-Cert` says; undefined where the application is not to be told. */
  readonly certificate: string | undefined;
  /** What the policy of this moment says to a request. */
  readonly decide: (request: HttpRequest) => Decision;
  /** Each request is judged again when the policy changes. */
  readonly live: Pick<LiveConnections<DenialReason>, 'add'>;
  readonly denied: (request: HttpRequest, denial: Denial) => void;
  readonly audited: (request: HttpRequest, rules: readonly string[]) => void;
  /** Nothing of it is left. */
  readonly closed: () => void;
  readonly deadlines: Deadlines;
  readonly clock: MonotonicClock;
  readonly guard: Guard;
  /** Bounds what waits for slow readers. */
  readonly memory: MemoryBudget;
  /** On whose account it waits: the caller. */
  readonly owner: string;
}

/** A caller is a member of the mesh, and what it may send is what the application takes. */
const SERVER_LIMITS = {
  headerBytes: 64 * 1024,
  headersMs: 60_000,
  // A connection that is carried as bytes is kept as long as its ends want; here the caller's may be forgotten.
  idleMs: 3_600_000,
};

const MAX_RESPONSE_HEAD_BYTES = 128 * 1024;

/** None: between an application and its callers there was none before. */
const NO_LIMITS: ForwardLimits = { bodyBytes: Infinity, requestMs: 0, responseMs: 0, idleMs: 0 };

/** In any spelling that an application may take for it. */
const CLIENT_CERTIFICATE_NAMES = new FieldNames([CLIENT_CERTIFICATE]);

/**
 * A connection of a caller whose requests are decided about one by one: what is allowed goes to the application,
 * as it came; what is not is answered with 403, and the connection goes on.
 */
export class RequestConnection implements ServerConnectionHandler {
  readonly #options: RequestConnectionOptions;
  readonly #upstream: Upstream;
  readonly #connection: ServerConnection;
  /** Until the first request. */
  #unused: HeldStream | undefined;

  constructor(options: RequestConnectionOptions) {
    const { version, client, clock, guard, memory: budget, owner } = options;
    this.#options = options;
    this.#unused = options.app;
    this.#upstream = new Upstream({
      isShared: version === 'http2',
      clock,
      guard,
      where: 'inbound',
      dial: (signal) => this.#dial(signal),
      speak: (stream, observer) =>
        version === 'http2'
          ? connectHttp2(stream, { observer, clock, budget, owner })
          : connectHttp1(stream, { headerBytes: MAX_RESPONSE_HEAD_BYTES }, observer),
    });
    this.#connection =
      version === 'http2'
        ? serveHttp2(client, { handler: this, clock, budget, owner })
        : serveHttp1(client, { scheme: 'http', clock, limits: SERVER_LIMITS }, this);
  }

  /** Takes no more requests than are on their way, and ends with the last. */
  drain(): void {
    this.#connection.drain();
  }

  /** Breaks it off, with all that is under way. */
  destroy(): void {
    this.#connection.destroy();
    this.#upstream.close();
  }

  // What the connection tells.

  request(exchange: ServerExchange): void {
    this.#options.guard.run(
      'inbound',
      () => this.#serve(exchange),
      () => exchange.reset(),
    );
  }

  /** It is answered, and counted as what it was answered with. */
  refused(): void {}

  closed(): void {
    this.#upstream.close();
    this.#unused?.reset();
    this.#options.closed();
  }

  async #dial(signal: AbortSignal): Promise<Dialled> {
    const { dial, place: peer } = this.#options;
    const made = this.#unused;
    this.#unused = undefined;
    if (made !== undefined && !made.isClosed && !made.hasEnded) return { stream: made, peer };
    made?.reset();
    return { stream: await dial(signal), peer };
  }

  #serve(exchange: ServerExchange): void {
    const { denied, audited, live, deadlines, clock } = this.#options;
    const head = exchange.request;
    let leave = (): void => {};
    const forwarded = new ForwardedRequest(exchange, NO_LIMITS, {
      deadlines,
      after: (delayMs, callback) => void clock.after(delayMs, callback),
      done: () => leave(),
    });
    const readings = readingsOf(head) ?? [];
    const [request = { method: head.method, path: undefined }] = readings;
    const decision = isDecidable(head, readings) ? this.#decide(readings) : UNDECIDABLE;
    if (!decision.allowed) {
      denied(request, decision);
      return forwarded.refuse(denialRefusal(decision));
    }
    if (decision.audited.length > 0) audited(request, decision.audited);
    leave = live.add({
      reauthorize: () => {
        const now = this.#decide(readings);
        return now.allowed ? undefined : now;
      },
      terminate(termination) {
        const denial = { allowed: false, rules: [], ...termination } as const;
        denied(request, denial);
        forwarded.giveUp(denialRefusal(denial));
      },
    });
    const target = { upstream: this.#upstream, head: this.#headOf(head) };
    forwarded.forward(new DirectRoute(target, toRefusal));
  }

  /** Each reading has to be allowed. */
  #decide(readings: readonly HttpRequest[]): Decision {
    const decisions = readings.map((reading) => this.#options.decide(reading));
    const denial = decisions.find(({ allowed }) => !allowed);
    const [first = UNDECIDABLE, ...others] = decisions;
    if (denial !== undefined || others.length === 0) return denial ?? first;
    const audited = decisions.flatMap((one) => (one.allowed ? one.audited : []));
    return { allowed: true, audited: [...new Set(audited)], perRequest: true };
  }

  /** As it came, but for who sends it. */
  #headOf(head: RequestHead): RequestHead {
    const { certificate } = this.#options;
    if (certificate === undefined) return head;
    const others = CLIENT_CERTIFICATE_NAMES.without(head.fields);
    return { ...head, fields: [...others, [CLIENT_CERTIFICATE, certificate]] };
  }
}

/** What follows a CONNECT could be anything, requests that are not allowed included. */
function isDecidable({ method }: RequestHead, readings: readonly HttpRequest[]): boolean {
  return method !== 'CONNECT' && readings.length > 0;
}

const UNDECIDABLE: Denial = {
  allowed: false,
  reason: 'denied-request',
  why: 'it could be taken for too many others (CONNECT, or fields that name other methods and paths)',
  rules: [],
};

function denialRefusal({ reason, why }: Pick<Denial, 'reason' | 'why'>): Refusal {
  const answer = {
    status: 403,
    error: 'http_request_denied',
    grpcStatus: GRPC_STATUS.permissionDenied,
    message: 'the policy does not allow this request',
  } as const;
  return { reason, answer, cause: why };
}

function toRefusal(error: unknown): Refusal {
  return refusal('connect-failed', error);
}
