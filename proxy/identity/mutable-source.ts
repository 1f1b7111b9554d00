import type { IdentityChange, IdentitySource, WorkloadIdentity } from './source.ts';

/** An identity source for its owner, who may replace what it holds. */
export interface MutableIdentitySource extends IdentitySource {
  /** Takes an identity into use, then tells every listener. */
  replace(identity: WorkloadIdentity, change: IdentityChange): void;
}

/** Creates a source that holds the identity given. */
export function createIdentitySource(initial: WorkloadIdentity): MutableIdentitySource {
  let identity = initial;
  const listeners = new Set<Parameters<IdentitySource['onChange']>[0]>();
  return {
    current: () => identity,
    onChange(listener) {
      // Wrapped, so that one function that listens twice is told twice.
      const entry: typeof listener = (...change) => listener(...change);
      listeners.add(entry);
      return () => void listeners.delete(entry);
    },
    replace(next, change) {
      identity = next;
      for (const listener of listeners) listener(next, change);
    },
  };
}
