import type { HeaderField } from '../http2/hpack/static-table.ts';

/** Which trace a request belongs to, and who has sent it on (W3C Trace Context, level 1). */
export interface TraceContext {
  /** 32 lower-case hexadecimal digits. */
  readonly traceId: string;
  /** The span of the sender: 16 lower-case hexadecimal digits. */
  readonly spanId: string;
  readonly isSampled: boolean;
}

/** `traceparent` of version 00; a later version may say more behind it (section 3.2.4). */
const TRACEPARENT =
  /^(?<version>[0-9a-f]{2})-(?<traceId>[0-9a-f]{32})-(?<spanId>[0-9a-f]{16})-(?<flags>[0-9a-f]{2})(?<more>-.*)?$/;

const NO_TRACE = /^0+$/;
const SAMPLED = 0x01;

/** What the request says of its trace; undefined where it says nothing, or nothing that is valid. */
export function readTraceContext(fields: readonly HeaderField[]): TraceContext | undefined {
  const values = fields.filter(([name]) => isNamed(name, 'traceparent'));
  const [only] = values;
  // Two of them would be read in two ways.
  if (only === undefined || values.length > 1) return undefined;
  const { version, traceId, spanId, flags, more } = TRACEPARENT.exec(only[1])?.groups ?? {};
  if (traceId === undefined || spanId === undefined || flags === undefined) return undefined;
  if (version === 'ff' || (version === '00' && more !== undefined)) return undefined;
  if (NO_TRACE.test(traceId) || NO_TRACE.test(spanId)) return undefined;
  return { traceId, spanId, isSampled: (Number.parseInt(flags, 16) & SAMPLED) !== 0 };
}

/**
 * The fields with this context instead of the one that came. `tracestate` goes on as it is, unless the trace
 * begins here (section 3.3.1.3: it means nothing without its `traceparent`).
 */
export function withTraceContext(
  fields: readonly HeaderField[],
  { traceId, spanId, isSampled }: TraceContext,
  { begins }: { readonly begins: boolean },
): HeaderField[] {
  const kept = fields.filter(
    ([name]) => !isNamed(name, 'traceparent') && !(begins && isNamed(name, 'tracestate')),
  );
  return [...kept, ['traceparent', `00-${traceId}-${spanId}-${isSampled ? '01' : '00'}`]];
}

function isNamed(name: string, expected: string): boolean {
  return name.length === expected.length && name.toLowerCase() === expected;
}
