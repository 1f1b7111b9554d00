import type { IncomingMessage } from 'node:http';
import { DashboardError } from '../dashboard-error.ts';

/** A mesh configuration has 256 KiB at most, and JSON writes some of its characters with two. */
const MAX_BODY_BYTES = 768 * 1024;

/**
 * Reads a body of JSON. A page of another origin cannot send this type without being asked for by the browser first,
 * which is never answered here.
 *
 * @throws DashboardError `request-malformed`
 */
export async function readJsonBody(request: IncomingMessage): Promise<unknown> {
  const type = request.headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase();
  if (type !== 'application/json') {
    throw malformed(`expected a body of application/json, got ${type ?? 'none'}`);
  }
  const chunks: Buffer[] = [];
  let bytes = 0;
  // Its end would be that of the connection, and with it of the answer.
  for await (const chunk of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_BODY_BYTES) {
      request.resume();
      throw malformed(`expected a body of at most ${MAX_BODY_BYTES} bytes`);
    }
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8')) as unknown;
  } catch (cause) {
    throw malformed('expected a body of JSON', cause);
  }
}

function malformed(sentence: string, cause?: unknown): DashboardError {
  return new DashboardError('request-malformed', sentence, { cause });
}
