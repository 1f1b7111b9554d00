import { once } from 'node:events';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { z } from 'zod';
import type { Scope } from '../scope.ts';

const value = z.union([
  z.object({ stringValue: z.string() }),
  z.object({ intValue: z.union([z.number(), z.string()]) }),
]);
const attributes = z.array(z.object({ key: z.string(), value }));

const span = z.object({
  traceId: z.string(),
  spanId: z.string(),
  parentSpanId: z.string().optional(),
  name: z.string(),
  kind: z.number(),
  startTimeUnixNano: z.string(),
  endTimeUnixNano: z.string(),
  attributes,
  status: z.object({ code: z.number().optional() }),
});

/** The part of ExportTraceServiceRequest (OTLP 1, in JSON) that a test looks at. */
const exportRequest = z.object({
  resourceSpans: z.array(
    z.object({
      resource: z.object({ attributes }),
      scopeSpans: z.array(z.object({ spans: z.array(span) })),
    }),
  ),
});

/** A span as a collector has it. */
export interface CollectedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId: string | undefined;
  readonly name: string;
  /** 2 server, 3 client. */
  readonly kind: number;
  readonly attributes: Readonly<Record<string, string | number>>;
  /** 2 for an error. */
  readonly status: number;
  readonly service: string;
}

/** A collector that takes OTLP over HTTP. */
export interface OtlpCollector {
  readonly url: URL;
  readonly spans: readonly CollectedSpan[];
}

/** Starts one on loopback, which answers with `status`; it ends with the scope. */
export async function startOtlpCollector(scope: Scope, status = 200): Promise<OtlpCollector> {
  const spans: CollectedSpan[] = [];
  const server = http.createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      if (status === 200) spans.push(...spansOf(Buffer.concat(chunks).toString()));
      response.writeHead(request.url === '/v1/traces' ? status : 404).end('{}');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  scope.teardown(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  const { port } = server.address() as AddressInfo;
  return { url: new URL(`http://127.0.0.1:${port}`), spans };
}

function spansOf(body: string): CollectedSpan[] {
  return exportRequest.parse(JSON.parse(body)).resourceSpans.flatMap(({ resource, scopeSpans }) =>
    scopeSpans.flatMap(({ spans }) =>
      spans.map(({ traceId, spanId, parentSpanId, name, kind, ...rest }) => ({
        traceId,
        spanId,
        parentSpanId: parentSpanId === '' ? undefined : parentSpanId,
        name,
        kind,
        attributes: record(rest.attributes),
        status: rest.status.code ?? 0,
        service: String(record(resource.attributes)['service.name']),
      })),
    ),
  );
}

function record(pairs: z.output<typeof attributes>): Record<string, string | number> {
  return Object.fromEntries(
    pairs.map(({ key, value: of }) => [
      key,
      'stringValue' in of ? of.stringValue : Number(of.intValue),
    ]),
  );
}
