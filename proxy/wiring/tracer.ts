import { Counter, type Registry } from 'prom-client';
import { SOFTWARE_VERSION } from '../../common/process/version.ts';
import type { ProxyConfig } from '../config/sidecar.ts';
import type { Tracer } from '../tracing/tracer.ts';
import type { Runtime } from './runtime.ts';

/** What a tracer is made from. */
export interface TracerOptions {
  readonly config: Pick<
    ProxyConfig,
    'service' | 'namespace' | 'tracingEndpoint' | 'tracingPercent'
  >;
  readonly runtime: Pick<Runtime, 'clock' | 'logger' | 'random'>;
  readonly registry: Registry;
  readonly isGateway: boolean;
}

/** The tracer that the settings ask for; undefined while tracing is off. */
export async function openTracer(options: TracerOptions): Promise<Tracer | undefined> {
  const { config, runtime, registry, isGateway } = options;
  const { service: name, namespace, tracingEndpoint, tracingPercent } = config;
  if (tracingEndpoint === undefined) return undefined;
  const spans = new Counter({
    name: 'hauberk_trace_spans_total',
    help: 'Recorded spans of requests, by what became of them.',
    labelNames: ['result'],
    registers: [registry],
  });
  for (const result of ['exported', 'failed', 'dropped']) spans.inc({ result }, 0);
  // Here: a sidecar without tracing needs none of it.
  const { createOtlpTracer } = await import('../tracing/otlp.ts');
  return createOtlpTracer({
    ...runtime,
    endpoint: new URL(tracingEndpoint),
    percent: tracingPercent,
    senders: isGateway ? 'outside' : 'peer',
    service: { name, namespace },
    version: SOFTWARE_VERSION,
    counted: (result, count) => spans.inc({ result }, count),
  });
}
