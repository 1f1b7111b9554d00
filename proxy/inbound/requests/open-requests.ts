import type { Decision } from '../../../common/authorization/authorize.ts';
import type { ConnectionMetrics } from '../../metrics/proxy-metrics.ts';
import type { ByteStream } from '../../stream/byte-stream.ts';
import type { PlaintextStream } from '../../stream/plaintext-stream.ts';
import { formatAuthority, type Destination } from '../../tunnel/authority.ts';
import type { IncomingStream } from '../../tunnel/tunnel.ts';
import { connectToApp } from '../app-connection.ts';
import type { InboundContext } from '../context.ts';
import { InboundError } from '../inbound-error.ts';
import { noteAudited, noteCut, noteRequestAudited, noteRequestDenied } from '../lines.ts';
import { claimStream } from '../stream-budget.ts';
import { carryRequests, type CarriedRequests } from './carry-requests.ts';

/** A stream that was accepted, and whose requests are to be looked at. */
export interface AcceptedStream {
  readonly stream: IncomingStream;
  readonly accepted: ByteStream;
  readonly app: PlaintextStream;
  readonly port: number;
  readonly target: Destination;
  /** From which address the application is called, each time; undefined for one of this host's. */
  readonly from: string | undefined;
  /** What the application is told of the caller; undefined for nothing. */
  readonly certificate: string | undefined;
  readonly connection: ConnectionMetrics;
}

/** Carries the requests of a stream. */
export function openRequests(
  { stream, accepted, app, port, target, from, certificate, connection }: AcceptedStream,
  context: InboundContext,
): CarriedRequests {
  const { clock, guard, memory, deadlines, live } = context;
  const peer = stream.peer.uri;
  return carryRequests({
    client: accepted,
    app,
    place: formatAuthority(target),
    certificate,
    connection,
    decide: (request) => context.decideRequest(stream, port, request),
    decideBytes: () =>
      certificate === undefined ? context.decideRequest(stream, port, undefined) : NO_BYTES,
    dial: (signal) => dialAgain(peer, { ...target, from }, context, signal),
    live,
    denied: (request, denial) => noteRequestDenied(stream, context, request, denial),
    audited: (request, rules) => noteRequestAudited(stream, context, request, rules),
    bytesDenied: (denial) => noteCut(stream, context, denial),
    bytesAudited: (rules) => noteAudited(stream, context, rules),
    deadlines,
    clock,
    guard,
    memory,
    owner: peer,
  });
}

/** What an application reads as a field that says who calls must be one that we have written. */
const NO_BYTES: Decision = {
  allowed: false,
  reason: 'denied-request',
  why: 'its application is told in each request who calls (--forward-client-cert), and this is no HTTP',
  rules: [],
};

/** The application has ended the connection that came with the stream; each has what a stream has. */
async function dialAgain(
  peer: string,
  target: Destination & Pick<AcceptedStream, 'from'>,
  context: InboundContext,
  signal: AbortSignal,
): Promise<PlaintextStream> {
  const claim = claimStream(peer, target, context.budgets);
  if (claim.kind === 'denied') throw new InboundError(claim.reason, claim.why);
  try {
    const app = await connectToApp(target, context, signal);
    app.once('close', claim.release);
    return app;
  } catch (error) {
    claim.release();
    throw error;
  }
}
