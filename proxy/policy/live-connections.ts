import { callEach } from '../../common/listeners.ts';
import type { PolicySource } from './policy-source.ts';

/** Why a connection has to end. */
export interface Termination<Reason extends string> {
  /** A label of metrics. */
  readonly reason: Reason;
  /** The end of a sentence. */
  readonly why: string;
}

/** A connection that was let through. */
export interface LiveConnection<Reason extends string> {
  /** Undefined while it may go on. */
  reauthorize(): Termination<Reason> | undefined;
  /** Ends it with a reset on both sides: it must not look like an orderly end. */
  terminate(termination: Termination<Reason>): void;
}

/** The connections that were let through: each change of the policy is a new decision about them all. */
export class LiveConnections<Reason extends string> {
  readonly #connections = new Set<LiveConnection<Reason>>();

  constructor(policies: Pick<PolicySource, 'onChange'>) {
    policies.onChange(() => this.#reauthorizeAll());
  }

  /** Adds one; returns the function that takes it out when it has ended, for who does not keep it. */
  add(connection: LiveConnection<Reason>): () => void {
    this.#connections.add(connection);
    return () => this.remove(connection);
  }

  /** Takes one out. */
  remove(connection: LiveConnection<Reason>): void {
    this.#connections.delete(connection);
  }

  #reauthorizeAll(): void {
    callEach(this.#connections, (connection) => {
      const termination = connection.reauthorize();
      if (termination === undefined) return;
      this.#connections.delete(connection);
      connection.terminate(termination);
    });
  }
}
