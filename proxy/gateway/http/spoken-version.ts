import type net from 'node:net';
import { type Decision, peek, type PeekBounds } from '../../stream/peek.ts';

/** How HTTP/2 begins for a client that knows that it is spoken here (RFC 9113 section 3.4). */
const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

/** What a client speaks that does not say so in a handshake. */
export type SpokenVersion = 'http/1' | 'h2';

/** Why that is not known: nothing came, or a part of the preface, and then the end or nothing more. */
export type Unspoken = 'left' | 'broken-off' | 'late';

/**
 * Looks which version of HTTP a client speaks (RFC 9113 section 3.3), and leaves all that it said to
 * any peer that speaks with it. Only the whole preface is HTTP/2; the first byte that differs is HTTP/1.
 */
export async function spokenVersion(
  socket: net.Socket,
  bounds: Omit<PeekBounds, 'maxBytes'>,
): Promise<SpokenVersion | Unspoken> {
  let hasSpoken = false;
  const decide = (bytes: Buffer): Decision<SpokenVersion> => {
    hasSpoken = true;
    return readSpokenVersion(bytes);
  };
  const seen = await peek(socket, decide, { ...bounds, maxBytes: PREFACE.length });
  if (typeof seen !== 'string') return seen.value;
  if (seen === 'ended') return hasSpoken ? 'broken-off' : 'left';
  return 'late';
}

/** Decides as soon as it can, and takes nothing away. */
export function readSpokenVersion(bytes: Buffer): Decision<SpokenVersion> {
  const begin = bytes.subarray(0, PREFACE.length);
  if (!begin.equals(PREFACE.subarray(0, begin.length))) {
    return { kind: 'done', value: 'http/1', taken: 0 };
  }
  return begin.length === PREFACE.length
    ? { kind: 'done', value: 'h2', taken: 0 }
    : { kind: 'wait' };
}
