import type { ClientRequest, IncomingMessage } from 'node:http';
import type { MonotonicClock } from '../clock.ts';

/** What an answer may be. */
export interface AnswerBounds {
  readonly clock: MonotonicClock;
  /** From the start of the request to the last byte of its answer. */
  readonly timeoutMs: number;
  readonly maxBytes: number;
  /** Whether the body of an answer is worth reading; by default that of 200. */
  readonly isWanted?: (response: IncomingMessage) => boolean;
}

/**
 * Sends a request that has no body, and resolves with the text of its answer. Nothing of it is left then.
 *
 * @throws Error that says in a few words what came instead: another status, too many bytes, no answer in time
 */
export function answerOf(
  call: ClientRequest,
  { clock, timeoutMs, maxBytes, isWanted = isOk }: AnswerBounds,
): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const timer = clock.after(timeoutMs, () => {
    call.destroy(new Error(`no answer within ${timeoutMs / 1000} s`));
  });
  call.on('error', reject);
  call.on('response', (response) => {
    response.on('error', reject);
    if (!isWanted(response)) {
      call.destroy(new Error(`expected the status 200, got ${response.statusCode}`));
      return;
    }
    const chunks: Buffer[] = [];
    let bytes = 0;
    response.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      if (bytes > maxBytes) call.destroy(new Error(`expected at most ${maxBytes} bytes`));
      else chunks.push(chunk);
    });
    response.on('end', () => resolve(Buffer.concat(chunks).toString()));
  });
  call.end();
  return promise.finally(() => {
    timer.cancel();
    call.destroy();
  });
}

function isOk({ statusCode }: IncomingMessage): boolean {
  return statusCode === 200;
}
