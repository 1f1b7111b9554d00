import type { Socket } from 'node:net';
import type { DescriptorCharge } from '../../common/budget/descriptor-charge.ts';
import type { WorkloadIdentity } from '../identity/source.ts';

/** A TLS handshake that is under way. */
export interface PendingHandshake {
  readonly startedMs: number;
  /** What we showed: the identity at the moment when the connection came in. */
  readonly identity: WorkloadIdentity;
  /** Of the TCP socket. */
  readonly charge: DescriptorCharge;
}

/** A connection that had to go. */
export interface Evicted {
  readonly address: string;
}

interface Entry extends PendingHandshake {
  readonly socket: Socket;
}

/** An end of a connection, by which a TLS socket finds the TCP socket below it. */
interface RemoteEnd {
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
}

/**
 * Bounds the handshakes under way. A flood of silent connections pushes out the oldest, which are
 * the silent ones: an honest handshake ends within milliseconds and is never the oldest for long.
 */
export class HandshakeGate {
  readonly #pending = new Map<string, Entry>();
  readonly #maxPending: number;

  constructor(maxPending: number) {
    this.#maxPending = maxPending;
  }

  get size(): number {
    return this.#pending.size;
  }

  /** Lets a connection in; returns the one that had to go for it, if any. */
  admit(socket: Socket, handshake: PendingHandshake): Evicted | undefined {
    const key = remoteKey(socket);
    this.#pending.set(key, { ...handshake, socket });
    socket.once('close', () => {
      if (this.#pending.get(key)?.socket === socket) this.#pending.delete(key);
    });
    return this.#pending.size > this.#maxPending ? this.evictOldest() : undefined;
  }

  /** Ends the handshake that has been under way for the longest time, if there is any. */
  evictOldest(): Evicted | undefined {
    const [oldest] = this.#pending;
    if (oldest === undefined) return undefined;
    const [key, { socket, charge }] = oldest;
    const address = socket.remoteAddress ?? '';
    this.#pending.delete(key);
    socket.destroy();
    // Its descriptor is closed already; 'close' comes a turn later.
    charge.release();
    return { address };
  }

  /** Takes out a connection whose handshake has ended. */
  release(socket: RemoteEnd): PendingHandshake | undefined {
    const key = remoteKey(socket);
    const entry = this.#pending.get(key);
    this.#pending.delete(key);
    return entry;
  }

  /** Ends all handshakes under way. */
  clear(): void {
    for (const { socket } of this.#pending.values()) socket.destroy();
    this.#pending.clear();
  }
}

function remoteKey({ remoteAddress, remotePort }: RemoteEnd): string {
  return `${remoteAddress} ${remotePort}`;
}
