import type { handleBidiStreamingCall, ServerDuplexStream } from '@grpc/grpc-js';
import type { Logger } from 'pino';
import { sleep, type Clock } from '../../../common/clock.ts';
import type { Guard } from '../../../common/guard.ts';
import { ignoreError } from '../../../common/ignored.ts';
import type { Closeable } from '../../../common/lifecycle.ts';
import { callEach } from '../../../common/listeners.ts';
import type { RevocationList } from '../../../common/pki/revocation.ts';
import { createLogLimit } from '../../../common/rate-limit.ts';
import { repeat } from '../../../common/repeat.ts';
import { callerOf, localAddressOf } from '../../../common/rpc/peer.ts';
import { MAX_SCOPES } from '../../../common/wire/interest.ts';
import { readReport } from '../../../common/wire/report.ts';
import { readTapReport, readTrafficReport } from '../../../common/wire/traffic/read-report.ts';
import type { Hello, InterestChange } from '../../../proto/gen/hauberk/v1/discovery.ts';
import type { ControlPlaneMetrics } from '../../metrics.ts';
import {
  HostAddresses,
  isOverLoopback,
  type ConnectionEnds,
} from '../../registry/addresses/host-addresses.ts';
import type { MeshView } from '../../registry/mesh-view.ts';
import type { Registration, Registry } from '../../registry/registry.ts';
import type { CatchUp } from '../../registry/catch-up.ts';
import type { SidecarRecord } from '../../registry/sidecar-record.ts';
import { certificateRevoked } from '../../revocation/admission.ts';
import type { LocalTraffic } from '../../traffic/local-traffic.ts';
import type { LocalQuestions, QuestionAttachment } from '../../questions/local-questions.ts';
import type { Attachment } from '../../traffic/traffic.ts';
import type { CallerLimits } from '../caller-limits.ts';
import { requireWorkload, type ProvenCaller } from '../caller.ts';
import type { Admission } from './admission.ts';
import { behind, certificateExpired, goingAway, malformed, moved, replaced } from './endings.ts';
import { readHello } from './hello.ts';
import { peerAddress } from '../peer-address.ts';
import type { RefusedCalls } from '../refused-calls.ts';
import type { RequestError } from '../request-error.ts';
import { toRefusal } from '../refusal.ts';
import type { ScopeChange, SyncHub } from './hub.ts';
import { readInterestChange, readSubscriptionStart, tooMany } from './interest.ts';
import type { StreamLag, SyncLag } from './lag.ts';
import { createMessageReader } from './message-reader.ts';
import { encodeQuestion, encodeServerTime, encodeWatch } from './messages.ts';

/** What the streams need. */
export interface SyncHandlerOptions {
  readonly trustDomain: string;
  readonly registry: Registry;
  readonly view: MeshView;
  readonly hub: SyncHub;
  readonly traffic: Pick<LocalTraffic, 'attach'>;
  readonly questions: Pick<LocalQuestions, 'attach'>;
  readonly lag: Pick<SyncLag, 'open'>;
  /** Waits until the view is as far as that of a sidecar which was told of it elsewhere. */
  readonly catchUp: CatchUp;
  readonly admission: Admission;
  readonly limits: Pick<CallerLimits, 'stream' | 'endpoint' | 'interest' | 'messages'>;
  readonly refusedCalls: RefusedCalls;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly guard: Pick<Guard, 'promise'>;
  readonly metrics: Pick<ControlPlaneMetrics, 'callsRefused' | 'questions'>;
}

/** The handler, and the end of all its streams. */
export interface SyncHandler extends Closeable {
  readonly handle: handleBidiStreamingCall<Buffer, Buffer>;
  /** Ends all streams with `unavailable`, so that sidecars connect again, elsewhere or later. */
  close(): void;
}

/** A sidecar says who it is first; who says nothing is holding a stream. */
export const HELLO_TIMEOUT_MS = 10_000;

/** Sidecars whose stream ended connect again within half a second. */
const HELLO_AGAIN_MS = 1_000;

/** Ten bytes for each sidecar; a clock that was set is told of at once. */
export const SERVER_TIME_INTERVAL_MS = 30_000;

/** A sidecar waits for the first answer before it asks for more, but for what it has been asked meanwhile. */
const MAX_EARLY_CHANGES = 64;

type Call = ServerDuplexStream<Buffer, Buffer>;

/**
 * `Discovery.Sync`, one stream a sidecar:
 *
 *     waiting ──Hello──> registering ──stored──> registered ──Goodbye──> registered, no endpoint
 *        └──────────────────┴──────── any end, any refusal ─────┴────────────> ended
 *
 * The stream ends when the certificate that opened it expires or is revoked: the connection would otherwise prove
 * an identity for longer than its certificate does. Sidecars open the next stream with the next
 * certificate long before, and the endpoint stays in the view meanwhile.
 */
export function createSyncHandler(options: SyncHandlerOptions): SyncHandler {
  const { view, clock, logger, metrics, refusedCalls } = options;
  const streams = new Set<Stream>();
  const mayLog = createLogLimit(clock);
  const host = new HostAddresses();
  let closed = false;

  const refuse = (call: Call, thrown: unknown): void => {
    const { reason, error } = toRefusal(thrown, clock.epochMs());
    metrics.callsRefused.inc({ service: 'discovery', reason });
    const line = { event: 'sync-refused', reason, client: call.getPeer() };
    if (reason === 'internal') logger.error({ ...line, err: thrown }, 'a Sync stream failed');
    else if (mayLog()) logger.warn(line, `ended a Sync stream: ${error.message}`);
    call.emit('error', error);
    refusedCalls.refused(call, reason);
  };
  /** An end that belongs to the life of a stream is no refusal. */
  const finish = (call: Call, planned: RequestError): void => {
    const { reason, error } = toRefusal(planned, clock.epochMs());
    logger.debug({ event: 'sync-ended', reason, client: call.getPeer() }, error.message);
    call.emit('error', error);
  };
  const stopListening = view.onChange(({ topics }) => {
    if (!topics.includes('revocations')) return;
    const revocations = view.revocations();
    callEach(streams, (stream) => stream.endIfRevoked(revocations));
  });
  const tellTime = (): void => {
    const message = encodeServerTime(clock.epochMs());
    callEach(streams, (stream) => stream.tellTime(message));
  };
  const times = repeat(clock, SERVER_TIME_INTERVAL_MS, tellTime);
  const steps = clock.onStep(tellTime);
  return {
    handle(call) {
      // grpc-js tells of a connection that broke only here, and throws without a listener.
      call.on('error', ignoreError);
      try {
        if (closed) throw goingAway();
        const caller = requireWorkload(callerOf(call, clock.epochMs()), options);
        const stream = openStream(call, caller, options, {
          onRefused: (thrown) => refuse(call, thrown),
          onFinished: (planned) => finish(call, planned),
          onLeft: () => streams.delete(stream),
          onSeen: (ends) => {
            const before = streams.size;
            // Those of this host say Hello again, now as others see them.
            if (host.learn(ends)) callEach(streams, (one) => one.finishIfOverLoopback());
            return { addresses: host.seen(ends), othersMove: streams.size < before };
          },
          onMoved: (record) => {
            const { spiffeId, instanceId, addresses } = record;
            const line = { event: 'host-address-announced', instanceId, addresses };
            const sentence = `${spiffeId} connects over loopback and names no address: others are told ${addresses.join(', ')}, where they reach this control plane; start it with --advertise if it is elsewhere`;
            logger.warn(line, sentence);
          },
        });
        streams.add(stream);
      } catch (thrown) {
        refuse(call, thrown);
      }
    },
    close() {
      closed = true;
      stopListening();
      times.stop();
      steps.cancel();
      for (const stream of streams) stream.finish(goingAway());
    },
  };
}

/** One stream that was accepted. */
interface Stream {
  /** Tells what the clock says, unless the sidecar does not read. */
  tellTime(message: Buffer): void;
  /** Takes the endpoint out of the mesh, and ends the stream, when its certificate was revoked. */
  endIfRevoked(revocations: RevocationList): void;
  /** Ends it with a reason that is no fault of the sidecar. */
  finish(planned: RequestError): void;
  /** Ends it when where it comes from is where others see themselves, and it has named no address. */
  finishIfOverLoopback(): void;
}

interface StreamEvents {
  readonly onRefused: (thrown: unknown) => void;
  readonly onFinished: (planned: RequestError) => void;
  /** In any case. */
  readonly onLeft: () => void;
  /** Tells where others see a sidecar that connects like this, and whether it made others say Hello again. */
  readonly onSeen: (ends: ConnectionEnds) => {
    readonly addresses: readonly [string, ...string[]];
    readonly othersMove: boolean;
  };
  /** It is announced at another address than the one that it connects from. */
  readonly onMoved: (record: SidecarRecord) => void;
}

function openStream(
  call: Call,
  { spiffeId, certificate }: ProvenCaller,
  options: SyncHandlerOptions,
  { onRefused, onFinished, onLeft, onSeen, onMoved }: StreamEvents,
): Stream {
  const { registry, hub, catchUp, admission, limits, clock, guard, metrics } = options;
  const read = createMessageReader({ spiffeId: spiffeId.uri, limits, clock });
  const notAfterMs = certificate.validToDate.getTime();
  let registration: Promise<Registration> | undefined;
  let subscription: ReturnType<SyncHub['subscribe']> | undefined;
  let attachment: Attachment | undefined;
  let questions: QuestionAttachment | undefined;
  let lag: StreamLag | undefined;
  let ended = false;
  let instanceId = '';
  /** What it said of its interest while it was being registered. */
  const early: ScopeChange[] = [];
  /** The addresses of its Hello were none, so that it is where it was seen. */
  let isWhereSeen = false;

  const helloTimer = clock.after(HELLO_TIMEOUT_MS, () => {
    end(malformed(`Hello within ${HELLO_TIMEOUT_MS / 1000} seconds, got nothing`));
  });
  // Counted from when the certificate was shown. A wall clock that is set forward must not end all
  // streams at once: what they brought would be missed most then.
  const expiryTimer = clock.after(notAfterMs - clock.epochMs(), () => finish(certificateExpired()));
  const leave = (): void => {
    if (ended) return;
    ended = true;
    helloTimer.cancel();
    expiryTimer.cancel();
    subscription?.close();
    attachment?.close();
    questions?.close();
    lag?.close();
    // Also when it ends while it is being registered: then the registration is given up at once.
    const lost = registration?.then(
      (registered) => registered.lost(),
      // The session that registered it has heard.
      () => undefined,
    );
    if (lost !== undefined) guard.promise('api', lost);
    onLeft();
  };
  const end = (thrown: unknown): void => {
    if (ended) return;
    leave();
    onRefused(thrown);
  };
  const finish = (planned: RequestError): void => {
    if (ended) return;
    leave();
    onFinished(planned);
  };

  /** What is said again soon, or is no loss. */
  const tell = (message: Buffer): void => {
    if (ended || subscription === undefined || call.writableNeedDrain) return;
    call.write(message);
  };

  // Not within `register`, whose Hello would live as long as the stream then.
  const onReplaced = (): void => finish(replaced(instanceId));
  const hasEnded = (): boolean => ended;

  const admit = async (hello: Hello): Promise<void> => {
    const giveBack = admission.enter();
    try {
      await register(hello);
    } finally {
      giveBack();
    }
  };
  const register = async (hello: Hello): Promise<void> => {
    const remote = peerAddress(call);
    const seen = onSeen({ remote, local: localAddressOf(call) ?? '' });
    const record = readHello(hello, spiffeId, seen.addresses);
    const start = readSubscriptionStart(hello);
    instanceId = record.instanceId;
    isWhereSeen = hello.addresses.length === 0;
    if (isWhereSeen && seen.addresses[0] !== remote) onMoved(record);
    limits.stream(record);
    if (registry.isNews(record)) limits.endpoint(record.spiffeId);
    registration = registry.connect({
      record,
      certificateSerial: certificate.serialNumber.toLowerCase(),
      certificateNotAfterMs: notAfterMs,
      onReplaced,
      hasEnded,
    });
    helloTimer.cancel();
    await registration;
    // What it is told first should lead to where they are.
    if (seen.othersMove) await sleep(clock, HELLO_AGAIN_MS);
    if ((await catchUp(start.version)) === 'behind') throw behind();
    if (ended) return;
    const lagging = (lag = options.lag.open(instanceId));
    subscription = hub.subscribe(start, (message, done) => {
      lagging.sent();
      call.write(message, done);
    });
    for (const change of early.splice(0)) subscription.change(change);
    tell(encodeServerTime(clock.epochMs()));
    const { questionLevel } = hello;
    const about = { instanceId, spiffeId: spiffeId.uri, questionLevel };
    attachment = options.traffic.attach({ ...about, ask: (watch) => tell(encodeWatch(watch)) });
    questions = options.questions.attach({
      ...about,
      ask: (question) => tell(encodeQuestion(question)),
    });
  };
  const changeInterest = (message: InterestChange): void => {
    const change = readInterestChange(message);
    limits.interest({ spiffeId: spiffeId.uri, instanceId }, change.added.length);
    metrics.questions.inc(change.added.length);
    if (subscription !== undefined) subscription.change(change);
    else if (early.push(change) > MAX_EARLY_CHANGES) throw malformed('the answer to be waited for');
    if (subscription !== undefined && subscription.scopeCount > MAX_SCOPES) throw tooMany();
  };
  const receive = async (bytes: Buffer): Promise<void> => {
    const { message } = read(bytes);
    if (message?.$case === 'hello') {
      if (registration !== undefined) throw malformed('one Hello, got another');
      return admit(message.value);
    }
    if (registration === undefined) throw malformed('Hello first, got another message');
    const registered = await registration;
    switch (message?.$case) {
      case 'answer':
        return questions?.answered(message.value);
      case 'acknowledgement':
        lag?.acknowledged();
        return registered.acknowledge(message.value.version, message.value.bundleVersion);
      case 'report':
        return registered.report(readReport(message.value));
      case 'goodbye':
        return registered.goodbye();
      case 'interestChange':
        return changeInterest(message.value);
      case 'trafficReport':
        return attachment?.reported(readTrafficReport(message.value));
      case 'tapReport':
        return attachment?.tapped(readTapReport(message.value));
      case undefined:
        // A kind of message that a newer sidecar knows: it has to live with its being ignored.
        return;
    }
  };
  call.on('data', (bytes: Buffer) => {
    if (!ended) receive(bytes).catch(end);
  });
  call.on('end', () => {
    leave();
    call.end();
  });
  call.on('cancelled', leave);
  return {
    finish,
    finishIfOverLoopback() {
      if (isWhereSeen && isOverLoopback(peerAddress(call))) finish(moved());
    },
    tellTime: tell,
    endIfRevoked(revocations) {
      if (ended || revocations.find(spiffeId.uri, certificate) === undefined) return;
      const leaving = registration?.then((registered) => registered.goodbye('revoked'));
      const refuse = (): void => end(certificateRevoked(certificate));
      if (leaving === undefined) refuse();
      else leaving.then(refuse, refuse);
    },
  };
}
