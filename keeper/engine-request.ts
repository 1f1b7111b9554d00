import { once } from 'node:events';
import http from 'node:http';
import { systemErrorCode } from '../common/errors.ts';
import { KeeperError } from './keeper-error.ts';

/** A request to the engine. */
export interface EngineRequest {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  /** Ends the request, and the reading of its answer. */
  readonly signal: AbortSignal;
}

/** Answers that mean that it is so already: it runs, or it has gone. */
const SETTLED: ReadonlySet<number> = new Set([304, 404]);

/** The longest part of a complaint that is worth repeating. */
const MAX_COMPLAINT_CHARACTERS = 300;

/**
 * Asks the engine over its socket; resolves with an answer whose body is still to be read.
 *
 * @throws KeeperError `engine-unreachable`, `engine-refused`
 */
export async function askEngine(
  socketPath: string,
  { method, path, signal }: EngineRequest,
): Promise<http.IncomingMessage> {
  // A connection for each request: none is left half-open by an engine that was restarted.
  const request = http.request({ socketPath, method, path, signal, agent: false });
  request.end();
  let response: http.IncomingMessage;
  try {
    [response] = (await once(request, 'response')) as [http.IncomingMessage];
  } catch (cause) {
    throw unreachable(socketPath, cause);
  }
  const status = response.statusCode ?? 0;
  if (status < 300 || (method === 'POST' && SETTLED.has(status))) return response;
  const complaint = (await readText(response)).slice(0, MAX_COMPLAINT_CHARACTERS).trim();
  const sentence = `the engine answered ${method} ${path.split('?')[0]} with ${status}: ${complaint}`;
  throw new KeeperError('engine-refused', sentence);
}

/** Reads an answer to its end. */
export async function readText(response: http.IncomingMessage): Promise<string> {
  return (await response.setEncoding('utf8').toArray()).join('');
}

function unreachable(socketPath: string, cause: unknown): KeeperError {
  const code = systemErrorCode(cause) ?? 'unknown error';
  const sentence = `no Docker engine answers at ${socketPath} (${code})`;
  const hint =
    code === 'EACCES'
      ? 'run the keeper as the user who owns the socket'
      : 'mount the socket of the engine there, or name another one with --engine-socket';
  return new KeeperError('engine-unreachable', sentence, { cause, hint });
}
