import type { Duplex } from 'node:stream';

/** How a bridge ended: both directions in order, or broken off. */
export type BridgeEnd = 'complete' | 'broken';

/**
 * Carries bytes between two streams until both directions have ended, each by itself. When one breaks,
 * the other is destroyed with an error: the owner of a socket must make sure that its peer sees no orderly end.
 *
 * @param inspect sees each piece first, of both directions
 */
export async function bridge(
  one: Duplex,
  other: Duplex,
  inspect?: (chunk: Buffer) => void,
): Promise<BridgeEnd> {
  const results = await Promise.allSettled(
    [
      pump(one, other, inspect).then(() => void other.end()),
      pump(other, one, inspect).then(() => void one.end()),
    ].map((direction) =>
      direction.catch((error: Error) => {
        one.destroy(error);
        other.destroy(error);
        throw error;
      }),
    ),
  );
  return results.every(({ status }) => status === 'fulfilled') ? 'complete' : 'broken';
}

interface Source {
  on(event: 'data', listener: (chunk: Buffer) => void): unknown;
  on(event: 'end' | 'close', listener: () => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  pause(): unknown;
  resume(): unknown;
  readonly destroyed: boolean;
  readonly readableEnded: boolean;
}

interface Sink {
  write(chunk: Buffer): boolean;
  on(event: 'drain' | 'close', listener: () => void): unknown;
  on(event: 'error', listener: (error: Error) => void): unknown;
  readonly destroyed: boolean;
}

/**
 * Writes all that comes from the source into the sink, which it does not end, at the sink's pace.
 * Rejects when either breaks before the source has ended.
 *
 * @param inspect sees each piece first; what it throws ends the pump
 */
export function pump(source: Source, sink: Sink, inspect?: (chunk: Buffer) => void): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let settled = false;
  const fail = (error: Error): void => {
    settled = true;
    source.pause();
    reject(error);
  };
  source.on('data', (chunk) => {
    if (settled) return;
    try {
      inspect?.(chunk);
    } catch (error) {
      return fail(error as Error);
    }
    if (!sink.write(chunk)) source.pause();
  });
  source.on('end', () => {
    settled = true;
    resolve();
  });
  source.on('error', fail);
  source.on('close', () => fail(new Error('it was closed before its end')));
  sink.on('drain', () => {
    if (!settled) source.resume();
  });
  sink.on('error', fail);
  sink.on('close', () => fail(new Error('its reader has closed it')));
  // What is over already does not say so again.
  if (source.readableEnded) resolve();
  else if (source.destroyed) fail(new Error('it was closed before its end'));
  if (sink.destroyed) fail(new Error('its reader has closed it'));
  source.resume();
  return promise;
}
