import type { handleServerStreamingCall, ServerWritableStream } from '@grpc/grpc-js';
import { ignoreError } from '../../../common/ignored.ts';
import type { Closeable } from '../../../common/lifecycle.ts';
import { callEach } from '../../../common/listeners.ts';
import { serialOf, type RevocationList } from '../../../common/pki/revocation.ts';
import { createLogLimit } from '../../../common/rate-limit.ts';
import { callerOf } from '../../../common/rpc/peer.ts';
import type { MeshView } from '../../registry/mesh-view.ts';
import { certificateRevoked } from '../../revocation/admission.ts';
import type { Look, Observer } from '../../traffic/traffic.ts';
import { requireAdminOrSibling, requireOperator, type ProvenCaller } from '../caller.ts';
import { peerAddress } from '../peer-address.ts';
import { RequestError } from '../request-error.ts';
import { toRefusal } from '../refusal.ts';
import { nameOf, type ForOperatorsOptions } from './for-operators.ts';

/** Makes handlers of calls that go on telling an operator something, until one of both ends them. */
export interface OperatorStreams extends Closeable {
  /** `open` begins to tell, and what it returns ends that. `origin` says who asks, for a log. */
  serve<Request extends { readonly local: boolean }, Told>(
    open: (request: Request, observer: Observer<Told>, origin: string) => Look,
  ): handleServerStreamingCall<Request, Told>;
  /** Ends all of them. */
  close(): void;
}

/** What the guard of such calls needs. */
export interface OperatorStreamsOptions extends ForOperatorsOptions {
  readonly view: Pick<MeshView, 'revocations' | 'onChange'>;
}

/**
 * Creates it. A call is refused as the others of operators are, and ends when the certificate that opened it expires
 * or is revoked. One with `local` may also come from another control plane of the mesh.
 */
export function createOperatorStreams(options: OperatorStreamsOptions): OperatorStreams {
  const { clock, limits, logger, guard, metrics, operatorUses, refusedCalls, view } = options;
  const mayLog = createLogLimit(clock);
  const streams = new Set<OpenStream>();
  let isClosed = false;
  const stopListening = view.onChange(({ topics }) => {
    if (!topics.includes('revocations')) return;
    const revocations = view.revocations();
    callEach(streams, (stream) => stream.endIfRevoked(revocations));
  });
  const refuse = (call: AnyCall, thrown: unknown): void => {
    const { reason, error } = toRefusal(thrown, clock.epochMs());
    metrics.callsRefused.inc({ service: 'admin', reason });
    const line = { event: 'admin-refused', reason, client: call.getPeer() };
    if (reason === 'internal') logger.error({ ...line, err: thrown }, 'a call failed');
    else if (mayLog()) logger.warn(line, `refused a call of an operator: ${error.message}`);
    call.emit('error', error);
    refusedCalls.refused(call, reason);
  };
  /** The end of what was allowed is no refusal. */
  const finish = (call: AnyCall, planned: RequestError): void =>
    void call.emit('error', toRefusal(planned, clock.epochMs()).error);

  return {
    serve: (open) => (call) => {
      call.on('error', ignoreError);
      const begin = async (): Promise<void> => {
        try {
          if (isClosed) throw goingAway();
          const caller = await requireAdminOrSibling(callerOf(call, clock.epochMs()), options);
          const { certificate, spiffeId } = caller;
          const [serial, address] = [serialOf(certificate), peerAddress(call)];
          operatorUses.used(serial, { address, call: nameOf(call.getPath()) });
          limits.operator(spiffeId.uri);
          // Read only now: it is charged.
          const { request } = call;
          if (!request.local) requireOperator(caller, options);
          if (call.cancelled) return;
          const observer = {
            isReady: () => !call.writableNeedDrain,
            next: (told: Parameters<typeof call.write>[0]) => void call.write(told),
          };
          // Operators have one name; which of them it is, the serial number says.
          const origin = `${spiffeId.uri} (${serial}) at ${address}`;
          const look = open(request, observer, origin);
          const stream = new OpenStream(caller, look, {
            left: () => streams.delete(stream),
            finished: (planned) => finish(call, planned),
            refused: (thrown) => refuse(call, thrown),
          });
          streams.add(stream);
          stream.endAtExpiry(clock);
          call.on('cancelled', () => stream.leave());
        } catch (thrown) {
          refuse(call, thrown);
        }
      };
      guard.run('api', begin);
    },
    close() {
      isClosed = true;
      stopListening();
      for (const stream of streams) stream.finish(goingAway());
    },
  };
}

type AnyCall = Pick<ServerWritableStream<unknown, unknown>, 'emit' | 'getPeer'>;

interface StreamEvents {
  readonly left: () => void;
  readonly finished: (planned: RequestError) => void;
  readonly refused: (thrown: unknown) => void;
}

/** One call that goes on. */
class OpenStream {
  readonly #caller: ProvenCaller;
  readonly #look: Look;
  readonly #events: StreamEvents;
  #expiry: { cancel(): void } | undefined;
  #isOver = false;

  constructor(caller: ProvenCaller, look: Look, events: StreamEvents) {
    this.#caller = caller;
    this.#look = look;
    this.#events = events;
  }

  endAtExpiry(clock: ForOperatorsOptions['clock']): void {
    const leftMs = this.#caller.certificate.validToDate.getTime() - clock.epochMs();
    this.#expiry = clock.after(leftMs, () => this.finish(expired()));
  }

  endIfRevoked(revocations: RevocationList): void {
    const { spiffeId, certificate } = this.#caller;
    if (this.#isOver || revocations.find(spiffeId.uri, certificate) === undefined) return;
    this.leave();
    this.#events.refused(certificateRevoked(certificate));
  }

  finish(planned: RequestError): void {
    if (this.#isOver) return;
    this.leave();
    this.#events.finished(planned);
  }

  leave(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#expiry?.cancel();
    this.#look.close();
    this.#events.left();
  }
}

function expired(): RequestError {
  const sentence = 'the certificate that opened this call has expired';
  const hint = 'call again with the current admin.pem';
  return new RequestError('certificate-expired', sentence, { hint });
}

function goingAway(): RequestError {
  return new RequestError('unavailable', 'the control plane is shutting down; call again');
}
