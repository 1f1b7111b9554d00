import { callEach } from '../../common/listeners.ts';
import type { PolicySource } from './policy-source.ts';

/** Why a connection may not go on. */
export interface Cut<Reason extends string> {
  /** A label of metrics. */
  readonly reason: Reason;
  /** The end of a sentence. */
  readonly why: string;
}

/** A connection that was let through. */
export interface LiveConnection<Reason extends string> {
  /** Undefined while it may go on. */
  judge(): Cut<Reason> | undefined;
  /** Ends it with a reset on both sides: it must not look like an orderly end. */
  cut(cut: Cut<Reason>): void;
}

/** The connections that were let through: each change of the policy is a new decision about them all. */
export class LiveConnections<Reason extends string> {
  readonly #connections = new Set<LiveConnection<Reason>>();

  constructor(policies: Pick<PolicySource, 'onChange'>) {
    policies.onChange(() => this.#review());
  }

  /** Adds one; returns the function that takes it out when it has ended. */
  add(connection: LiveConnection<Reason>): () => void {
    this.#connections.add(connection);
    return () => void this.#connections.delete(connection);
  }

  #review(): void {
    callEach(this.#connections, (connection) => {
      const cut = connection.judge();
      if (cut === undefined) return;
      this.#connections.delete(connection);
      connection.cut(cut);
    });
  }
}
