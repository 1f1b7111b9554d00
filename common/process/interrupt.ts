/** What a person or the system asks a command that runs for a while. */
export interface Interrupt extends Disposable {
  /** Aborted at the first SIGINT, SIGTERM or SIGHUP: clean up and end. */
  readonly signal: AbortSignal;
}

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/**
 * Listens for what interrupts a command, until it is disposed of. Only the first signal counts, and the
 * others do not end the process either: a terminal sends Ctrl+C to npm and to its script, and npm passes it
 * on to the script once more.
 */
export function listenForInterrupt(): Interrupt {
  const asked = new AbortController();
  const onSignal = (): void => asked.abort();
  for (const name of SIGNALS) process.on(name, onSignal);
  return {
    signal: asked.signal,
    [Symbol.dispose]() {
      for (const name of SIGNALS) process.off(name, onSignal);
    },
  };
}
