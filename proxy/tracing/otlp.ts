import { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace, TraceFlags } from '@opentelemetry/api';
import type { Attributes, Context, Span } from '@opentelemetry/api';
import { ExportResultCode } from '@opentelemetry/core';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-http';
import { resourceFromAttributes } from '@opentelemetry/resources';
import {
  BasicTracerProvider,
  BatchSpanProcessor,
  SamplingDecision,
  type Sampler,
  type SpanExporter,
} from '@opentelemetry/sdk-trace-base';
import type { Logger } from 'pino';
import type { MonotonicClock } from '../../common/clock.ts';
import { describeError } from '../../common/errors.ts';
import { ignoreError } from '../../common/ignored.ts';
import { createLogLimit } from '../../common/rate-limit.ts';
import { readTraceContext, withTraceContext } from './trace-context.ts';
import type { RequestSpan, TracedOutcome, TracedRequest, Tracer } from './tracer.ts';

/** What sending spans takes. */
export interface OtlpTracerOptions {
  /** The collector, which takes OTLP over HTTP: `http://127.0.0.1:4318`. */
  readonly endpoint: URL;
  /** Of the traces that begin here, how many are recorded, in percent. */
  readonly percent: number;
  /**
   * `peer` for requests of the mesh, whose sampling decision is kept so that a trace is whole; `outside` for those
   * from outside, who must not decide what we record.
   */
  readonly senders: 'peer' | 'outside';
  readonly service: { readonly name: string; readonly namespace: string };
  readonly version: string;
  readonly clock: MonotonicClock;
  readonly logger: Logger;
  readonly counted: (result: SpanResult, spans: number) => void;
  /** A number in [0, 1). */
  readonly random: () => number;
}

/** What became of a recorded span: it is with the collector, was refused by it, or found the queue full. */
export type SpanResult = 'exported' | 'failed' | 'dropped';

/** Spans that wait for the collector; beyond, new ones are dropped: tracing must not cost the mesh its memory. */
const MAX_WAITING_SPANS = 2_048;
const EXPORT_TIMEOUT_MS = 10_000;
/** A process that ends waits no longer than this for the collector. */
const CLOSE_TIMEOUT_MS = 2_000;

/**
 * A tracer that sends its spans by OTLP over HTTP, in batches. Their attributes are named as OpenTelemetry's
 * semantic conventions for HTTP want it.
 */
export function createOtlpTracer(options: OtlpTracerOptions): Tracer {
  const { endpoint, service, version, clock, logger, counted } = options;
  const mayLog = createLogLimit(clock);
  const exporter = new OTLPTraceExporter({
    url: new URL('v1/traces', withSlash(endpoint)).href,
    timeoutMillis: EXPORT_TIMEOUT_MS,
  });
  let waiting = 0;
  const watched: SpanExporter = {
    export(spans, done) {
      exporter.export(spans, (result) => {
        const isTaken = result.code === ExportResultCode.SUCCESS;
        waiting -= spans.length;
        counted(isTaken ? 'exported' : 'failed', spans.length);
        if (!isTaken && mayLog()) {
          const reason = result.error === undefined ? 'it said no' : describeError(result.error);
          const line = {
            event: 'spans-not-exported',
            collector: endpoint.href,
            spans: spans.length,
          };
          logger.warn(
            line,
            `the collector at ${endpoint.href} did not take ${spans.length} spans: ${reason}`,
          );
        }
        done(result);
      });
    },
    shutdown: () => exporter.shutdown(),
  };
  const provider = new BasicTracerProvider({
    sampler: sampler(options),
    resource: resourceFromAttributes({
      'service.name': service.name,
      'service.namespace': service.namespace,
    }),
    spanProcessors: [
      new BatchSpanProcessor(watched, {
        maxQueueSize: MAX_WAITING_SPANS,
        exportTimeoutMillis: EXPORT_TIMEOUT_MS,
      }),
    ],
  });
  const tracer = provider.getTracer('hauberk', version);
  const end = (span: Span): void => {
    if (!span.isRecording()) return;
    if (waiting >= MAX_WAITING_SPANS) return counted('dropped', 1);
    waiting += 1;
    span.end();
  };
  return {
    begin(request) {
      const sender = readTraceContext(request.fields);
      const attributes = requestAttributes(request);
      const kind = options.senders === 'outside' ? SpanKind.SERVER : SpanKind.CLIENT;
      const parent = contextOf(sender);
      return new OtlpSpan(tracer.startSpan(request.method, { kind, attributes }, parent), {
        fields: request.fields,
        begins: sender === undefined,
        end,
      });
    },
    async close() {
      const { promise: late, resolve } = Promise.withResolvers<void>();
      const timer = clock.after(CLOSE_TIMEOUT_MS, resolve);
      await Promise.race([provider.shutdown().catch(ignoreError), late]);
      timer.cancel();
    },
  };
}

class OtlpSpan implements RequestSpan {
  readonly traceId: string;
  readonly fields: RequestSpan['fields'];
  readonly #span: Span;
  readonly #end: (span: Span) => void;

  constructor(
    span: Span,
    {
      fields,
      begins,
      end,
    }: {
      readonly fields: RequestSpan['fields'];
      readonly begins: boolean;
      readonly end: (span: Span) => void;
    },
  ) {
    const { traceId, spanId, traceFlags } = span.spanContext();
    const isSampled = (traceFlags & TraceFlags.SAMPLED) !== 0;
    this.traceId = traceId;
    this.fields = withTraceContext(fields, { traceId, spanId, isSampled }, { begins });
    this.#span = span;
    this.#end = end;
  }

  ended(outcome: TracedOutcome): void {
    const span = this.#span;
    if (span.isRecording()) {
      span.setAttributes(outcomeAttributes(outcome));
      // Semantic conventions: 4xx is the client's, and no error of a span of kind SERVER; a proxy's span follows it.
      if (outcome.error !== undefined || (outcome.status ?? 0) >= 500) {
        span.setStatus({ code: SpanStatusCode.ERROR });
      }
    }
    this.#end(span);
  }
}

function requestAttributes({ method, scheme, authority, target }: TracedRequest): Attributes {
  // A query may carry secrets.
  const [path = ''] = target.split('?', 1);
  return {
    'http.request.method': method,
    'url.scheme': scheme,
    'url.path': path,
    ...serverAttributes(authority),
  };
}

/** Semantic conventions: a host, an IPv6 address without its brackets, and the port by itself. */
function serverAttributes(authority: string | undefined): Attributes {
  const [, v6, host, port] = AUTHORITY.exec(authority ?? '') ?? [];
  const address = v6 ?? host;
  if (address === undefined) return {};
  return { 'server.address': address, ...(port === undefined ? {} : { 'server.port': +port }) };
}

/** RFC 3986 section 3.2. */
const AUTHORITY = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d{1,5}))?$/;

function outcomeAttributes(outcome: TracedOutcome): Attributes {
  const { status, grpcStatus, error, peer, retries = 0 } = outcome;
  return {
    ...(status === undefined ? {} : { 'http.response.status_code': status }),
    ...(grpcStatus === undefined ? {} : { 'rpc.grpc.status_code': grpcStatus }),
    ...(error === undefined ? {} : { 'error.type': error }),
    ...(peer === undefined ? {} : { 'hauberk.peer': peer }),
    ...(retries === 0 ? {} : { 'http.request.resend_count': retries }),
  };
}

function contextOf(sender: ReturnType<typeof readTraceContext>): Context {
  if (sender === undefined) return ROOT_CONTEXT;
  const { traceId, spanId, isSampled } = sender;
  const traceFlags = isSampled ? TraceFlags.SAMPLED : TraceFlags.NONE;
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags, isRemote: true });
}

/** Decides by chance for a new trace, and for every one from outside; else as the sender has decided. */
function sampler({ senders, percent, random }: OtlpTracerOptions): Sampler {
  return {
    shouldSample(context) {
      const sender = senders === 'peer' ? trace.getSpanContext(context) : undefined;
      const isSampled =
        sender === undefined
          ? random() * 100 < percent
          : (sender.traceFlags & TraceFlags.SAMPLED) !== 0;
      return {
        decision: isSampled ? SamplingDecision.RECORD_AND_SAMPLED : SamplingDecision.NOT_RECORD,
      };
    },
    toString: () => `hauberk ${percent} %`,
  };
}

/** A URL's last segment is replaced by what is resolved against it, unless it ends with a slash. */
function withSlash({ href }: URL): string {
  return href.endsWith('/') ? href : `${href}/`;
}
