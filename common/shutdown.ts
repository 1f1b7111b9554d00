import type { Logger } from 'pino';

/** What the operating system was told to tell this process. */
export interface Shutdown extends Disposable {
  /** Aborted at the first SIGTERM or SIGINT: end in an orderly way. */
  readonly asked: AbortSignal;
  /** Aborted at the second one: whoever asks twice does not want to wait for what is under way. */
  readonly hurried: AbortSignal;
}

/** Listens for SIGTERM and SIGINT until it is disposed of. */
export function listenForShutdown(logger: Logger): Shutdown {
  const asked = new AbortController();
  const hurried = new AbortController();
  const onSignal = (signal: NodeJS.Signals): void => {
    if (asked.signal.aborted) {
      logger.warn({ event: 'hurried', signal }, `${signal} again: ending what is under way`);
      hurried.abort();
      return;
    }
    logger.info({ event: 'stopping', signal }, `${signal}: draining`);
    asked.abort();
  };
  process.on('SIGTERM', onSignal).on('SIGINT', onSignal);
  return {
    asked: asked.signal,
    hurried: hurried.signal,
    [Symbol.dispose]: () => void process.off('SIGTERM', onSignal).off('SIGINT', onSignal),
  };
}

/** Resolves when the signal is aborted. */
export async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  signal.addEventListener('abort', () => resolve(), { once: true });
  await promise;
}
