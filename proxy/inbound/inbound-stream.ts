import type { Decision, DenialReason } from '../../common/authorization/authorize.ts';
import { describeError } from '../../common/errors.ts';
import type { ConnectionMetrics } from '../metrics/proxy-metrics.ts';
import type { ConnectionEnd } from '../metrics/peers.ts';
import type { LiveConnection, Termination } from '../policy/live-connections.ts';
import type { ByteStream } from '../stream/byte-stream.ts';
import type { PlaintextStream } from '../stream/plaintext-stream.ts';
import { relay } from '../stream/relay.ts';
import { formatAuthority } from '../tunnel/authority.ts';
import type { IncomingStream } from '../tunnel/tunnel.ts';
import { admit, type Admission, type Refusal } from './admission.ts';
import { appFailureReason, connectToApp } from './app-connection.ts';
import type { InboundContext } from './context.ts';
import { authorityOf, isBudgetRefusal, noteAudited, noteCut, refuse } from './lines.ts';
import type { CarriedRequests } from './requests/carry-requests.ts';
import type * as OpenRequests from './requests/open-requests.ts';
import type { SourceAddress } from './source-address.ts';
import { claimStream } from './stream-budget.ts';

type Admitted = Admission & { readonly kind: 'admitted' };

/** A stream whose application has accepted, and that is still admitted. */
interface Opened {
  readonly admission: Admitted;
  readonly app: PlaintextStream;
  /** From which address it is called; undefined for one of this host's. */
  readonly from: string | undefined;
  /** What the application is told of the caller; undefined for nothing. */
  readonly certificate: string | undefined;
  /** Undefined where it is carried as bytes. */
  readonly requests: typeof OpenRequests | undefined;
}

/** A stream that is carried. */
interface Carried {
  readonly ended: Promise<ConnectionEnd>;
}

/**
 * One stream that a peer has opened, until its connection has ended.
 *
 *     admitted? -> is there room? -> the application -> still admitted? -> 200 -> carried, and judged again
 *         | no            | no          | refuses            | no                 with each policy
 *         +---------------+-------------+--------------------+------> refused
 *
 * There are thousands of them at a time: what they keep while they are carried is here, and nothing else.
 */
export class InboundStream implements LiveConnection<DenialReason> {
  readonly #stream: IncomingStream;
  readonly #context: InboundContext;
  readonly #startedMs: number;
  #app: PlaintextStream | undefined;
  #accepted: ByteStream | undefined;
  /** As the peer sees it: what policy is about. */
  #port = 0;
  #connection: ConnectionMetrics | undefined;
  /** Where requests are looked at; what is carried as bytes has none. */
  #carried: CarriedRequests | undefined;
  #isCut = false;

  constructor(stream: IncomingStream, context: InboundContext) {
    this.#stream = stream;
    this.#context = context;
    this.#startedMs = context.clock.monotonicMs();
  }

  /** Resolves when it has been refused, or has ended. Rejects for a mistake of the program: `abandon` it then. */
  async serve(): Promise<void> {
    const carried = await this.#open();
    if (carried !== undefined) this.#ended(await carried.ended);
  }

  /** Ends all that it has, for the peer and for the application. */
  abandon(): void {
    using parts = new DisposableStack();
    parts.defer(() => this.#stream.refuse(503));
    parts.defer(() => this.#app?.reset());
    parts.defer(() => this.#connection?.closed('app-reset', this.#seconds()));
    parts.defer(() => this.#context.live.remove(this));
    parts.defer(() => this.#accepted?.reset());
  }

  reauthorize(): Termination<DenialReason> | undefined {
    const decision = this.#decide(this.#port);
    // What is carried as bytes cannot be decided about request by request.
    const isSure = !decision.allowed || !decision.perRequest || this.#carried?.hasRequests === true;
    const now = isSure
      ? decision
      : this.#context.decideRequest(this.#stream, this.#port, undefined);
    return now.allowed ? undefined : now;
  }

  terminate(termination: Termination<DenialReason>): void {
    this.#isCut = true;
    noteCut(this.#stream, this.#context, termination);
    // The relay takes it for an application that broke off, and resets the stream.
    if (this.#carried === undefined) this.#app?.reset();
    else this.#carried.cut();
  }

  /** Connects to the application where the stream is admitted, and begins to carry; undefined when it has been refused. */
  async #open(): Promise<Carried | undefined> {
    const policies = this.#context.policies.current();
    const first = this.#admit();
    if (first.kind === 'refused') return this.#refuse(first);
    const source = this.#sourceOf(first);
    if (source.kind === 'refused') return this.#refuse({ ...source, status: 503 });
    const from = source.kind === 'client' ? source.address : undefined;
    const app = await this.#connect(first, from);
    if (app === undefined) return undefined;
    this.#app = app;
    const certificate = this.#context.certificateOf(this.#stream, first.port);
    // Loaded when they are needed first: most sidecars carry nothing but bytes.
    const requests =
      first.perRequest || certificate !== undefined
        ? await import('./requests/open-requests.ts')
        : undefined;
    // The policy may have changed while the application took its time.
    const isSame = this.#context.policies.current() === policies;
    const admission = isSame ? first : this.#admit();
    if (admission.kind === 'refused') {
      app.reset();
      return this.#refuse(admission);
    }
    const isLookedAt = admission.perRequest || certificate !== undefined;
    if (isLookedAt && requests === undefined) {
      app.reset();
      const why = 'rules about requests came while the connection was made';
      return this.#refuse({ status: 503, reason: 'denied-request', why });
    }
    const looked = isLookedAt ? requests : undefined;
    const opened = { admission, app, from, certificate, requests: looked };
    return { ended: this.#carry(opened) };
  }

  /** Undefined when the stream has been refused. */
  async #connect(
    { target, port }: Admitted,
    from: string | undefined,
  ): Promise<PlaintextStream | undefined> {
    const { metrics, budgets } = this.#context;
    const { peer, signal } = this.#stream;
    const claim = claimStream(peer.uri, target, budgets);
    if (claim.kind === 'denied') return this.#refuse({ ...claim, status: 503 });
    try {
      const app = await connectToApp({ ...target, from }, this.#context, signal);
      app.once('close', claim.release);
      return app;
    } catch (error) {
      claim.release();
      if (signal.aborted) {
        metrics.connectionFailed('inbound', peer.uri, 'aborted', port);
        return undefined;
      }
      const place = formatAuthority(target);
      const why = `the application at ${place} did not accept: ${describeError(error)}`;
      const reason = appFailureReason(error);
      if (isBudgetRefusal(reason)) budgets.descriptors.refuse(reason);
      return this.#refuse({ status: 503, reason, why });
    }
  }

  /** Tells the peer that the application has accepted, and carries until the end. */
  #carry({ admission, app, from, certificate, requests }: Opened): Promise<ConnectionEnd> {
    const { metrics, live, requests: carriers } = this.#context;
    const { audited, port, target } = admission;
    noteAudited(this.#stream, this.#context, audited);
    metrics.connected('inbound', this.#seconds());
    const peer = this.#stream.peer.uri;
    const connection = metrics.connectionOpened('inbound', peer, authorityOf(this.#stream));
    this.#connection = connection;
    this.#port = port;
    live.add(this);
    const accepted = this.#stream.accept();
    this.#accepted = accepted;
    if (requests === undefined) {
      return relay(app, accepted, connection.counters, connection.observer);
    }
    const stream = this.#stream;
    const opened = { stream, accepted, app, port, target, from, certificate, connection };
    this.#carried = requests.openRequests(opened, this.#context);
    return carriers.carry(this.#carried);
  }

  #ended(outcome: ConnectionEnd): void {
    this.#context.live.remove(this);
    // The relay leaves it open for another try, which only the side that dialled can make.
    if (outcome === 'untouched') this.#app?.reset();
    this.#connection?.closed(this.#isCut ? 'denied' : outcome, this.#seconds());
  }

  #sourceOf({ target }: Admitted): SourceAddress {
    return this.#context.sourceOf(this.#stream.address, target.address);
  }

  #admit(): Admission {
    const { authority } = this.#stream;
    const { resolveExposure } = this.#context;
    return admit({ authority, decide: (port) => this.#decide(port), resolveExposure });
  }

  #decide(port: number): Decision {
    return this.#context.decide(this.#stream, port);
  }

  #refuse(refusal: Refusal): undefined {
    refuse(this.#stream, this.#context, refusal);
  }

  #seconds(): number {
    return (this.#context.clock.monotonicMs() - this.#startedMs) / 1000;
  }
}
