import type { Logger } from 'pino';

/** What the operating system was told to tell this process. */
export interface Shutdown extends Disposable {
  /** Aborted at the first SIGTERM or SIGINT, or SIGHUP where that does not reload: end in an orderly way. */
  readonly asked: AbortSignal;
  /** Aborted at the second SIGTERM or SIGINT, which asks not to wait for what is under way. */
  readonly forced: AbortSignal;
}

/** What a program does at signals besides its end. */
export interface SignalOptions {
  /** Called at SIGHUP, by a program that follows files; without it SIGHUP ends the program in order. */
  readonly onReload?: (() => void) | undefined;
}

/** Listens for SIGTERM, SIGINT and SIGHUP until it is disposed of. */
export function listenForShutdown(logger: Logger, { onReload }: SignalOptions = {}): Shutdown {
  const asked = new AbortController();
  const forced = new AbortController();
  const ask = (signal: NodeJS.Signals): void => {
    logger.info({ event: 'stopping', signal }, `${signal}: draining`);
    asked.abort();
  };
  const onSignal = (signal: NodeJS.Signals): void => {
    if (!asked.signal.aborted) {
      ask(signal);
      return;
    }
    logger.warn({ event: 'hurried', signal }, `${signal} again: ending at once`);
    forced.abort();
  };
  const onHangUp = (signal: NodeJS.Signals): void => {
    // A terminal that is closed sends several, and systemd may send one after its SIGTERM: no hurry.
    if (asked.signal.aborted) return;
    if (onReload === undefined) {
      ask(signal);
      return;
    }
    logger.info({ event: 'reloading', signal }, `${signal}: reading the followed files again`);
    onReload();
  };
  process.on('SIGTERM', onSignal).on('SIGINT', onSignal).on('SIGHUP', onHangUp);
  return {
    asked: asked.signal,
    forced: forced.signal,
    [Symbol.dispose]: () =>
      void process.off('SIGTERM', onSignal).off('SIGINT', onSignal).off('SIGHUP', onHangUp),
  };
}

/** Resolves when the signal is aborted. */
export async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  signal.addEventListener('abort', () => resolve(), { once: true });
  await promise;
}
