import type { Logger } from 'pino';
import type { Clock } from '../../common/clock.ts';
import { describeError } from '../../common/errors.ts';
import type { SpiffeId } from '../../common/pki/spiffe-id.ts';
import { createRateLimit } from '../../common/rate-limit.ts';
import type { ProxyMetrics } from '../metrics.ts';
import { authorize, type CallersByPort } from '../policy/authorize.ts';
import { formatAuthority, parseAuthority, type Destination } from '../tunnel/authority.ts';
import type { IncomingStream, RefusalStatus } from '../tunnel/tunnel.ts';
import { appFailureReason, connectToApp } from './app-connection.ts';
import type { ResolveExposure } from './exposure.ts';

/** What handling an incoming stream needs. */
export interface InboundDependencies {
  /** Our own identity: the destination, as policy sees it. */
  readonly self: SpiffeId;
  /** Ports with a list of their own of who may come in. */
  readonly callers: CallersByPort;
  readonly resolveExposure: ResolveExposure;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: ProxyMetrics;
}

/** Where an authorised stream goes, or how it is refused. */
type Admission =
  | { readonly kind: 'admitted'; readonly target: Destination }
  | { readonly kind: 'refused'; readonly status: RefusalStatus; readonly reason: string };

/** A peer that is up to no good should fill a counter, not the disk. */
const LOG_RATE = { count: 100, intervalMs: 1_000 };

/** An authority is of any length and content; the log takes this much of it. */
const MAX_LOGGED = 256;

/**
 * Handles the streams that peers open: authorise, connect to the application, and only then answer
 * 200, so that a peer's success means that the application has accepted. Every refusal has its
 * reason in the log and in a metric; the peer sees the status alone.
 */
export function createInbound(dependencies: InboundDependencies): (stream: IncomingStream) => void {
  const mayLog = createRateLimit(dependencies.clock, LOG_RATE);
  return (stream) => void serve(stream, { ...dependencies, mayLog });
}

async function serve(
  stream: IncomingStream,
  dependencies: InboundDependencies & { readonly mayLog: () => boolean },
): Promise<void> {
  const { clock, logger, metrics, mayLog } = dependencies;
  const peer = stream.peer.uri;
  const refuse = (status: RefusalStatus, reason: string, detail?: string): void => {
    metrics.connectionFailed('inbound', peer, reason);
    stream.refuse(status);
    if (!mayLog()) return;
    const authority = stream.authority.slice(0, MAX_LOGGED);
    const sentence = `refused a stream from ${peer}: ${detail ?? reason}`;
    logger.warn({ event: 'stream-refused', peer, authority, reason, status }, sentence);
  };

  const admission = admit(stream, dependencies);
  if (admission.kind === 'refused') {
    refuse(admission.status, admission.reason);
    return;
  }
  const { target } = admission;
  const startedMs = clock.now();
  let socket;
  try {
    socket = await connectToApp(target, stream.signal);
  } catch (error) {
    if (stream.signal.aborted) metrics.connectionFailed('inbound', peer, 'aborted');
    else {
      const place = formatAuthority(target);
      const detail = `the application at ${place} did not accept: ${describeError(error)}`;
      refuse(503, appFailureReason(error), detail);
    }
    return;
  }
  metrics.connected('inbound', (clock.now() - startedMs) / 1000);
  const connection = metrics.connectionOpened('inbound', peer);
  const outcome = await stream.accept().relay(socket, connection.counters);
  // The relay leaves it open for another try, which only the side that dialled can make.
  if (outcome === 'untouched') socket.resetAndDestroy();
  connection.closed(outcome, (clock.now() - startedMs) / 1000);
}

function admit(stream: IncomingStream, dependencies: InboundDependencies): Admission {
  const { self, callers, resolveExposure } = dependencies;
  const destination = parseAuthority(stream.authority);
  if (destination === undefined) {
    return { kind: 'refused', status: 400, reason: 'malformed-authority' };
  }
  const { port } = destination;
  const decision = authorize({ source: stream.peer, destination: self, port }, callers);
  if (!decision.allowed) return { kind: 'refused', status: 401, reason: decision.reason };
  const exposure = resolveExposure(destination);
  if (exposure.kind === 'refused') {
    return { kind: 'refused', status: 400, reason: exposure.reason };
  }
  return { kind: 'admitted', target: exposure.target };
}
