import { type Getsockopt, loadGetsockopt } from './socket-option.ts';

/** How the peer of a connection has ended it, as the system knows. */
export type PeerEnd =
  | 'ended' // It has sent a FIN: it sends nothing more, and may still read. Where we have sent one too, it may be an RST.
  | 'reset'; // It has sent an RST.

/** A connection, as far as this asks for it. */
export interface ConnectionEnd {
  /** Undefined when it is closed. */
  readonly descriptor: number | undefined;
  /** We have ended our direction. */
  readonly hasEnded: boolean;
}

/** linux/in.h, linux/tcp.h: of `struct tcp_info` the first byte is the state. */
const SOL_TCP = 6;
const TCP_INFO = 11;
/** net/tcp_states.h */
const TCP_CLOSE = 7;
const TCP_CLOSE_WAIT = 8;

const state = Buffer.alloc(1);
const stateBytes = Buffer.alloc(4);

let getsockopt: Getsockopt | undefined;
let loading: Promise<void> | undefined;

/**
 * Tells whether the peer has ended a connection, without reading what came before that.
 *
 * @returns undefined when it has not, and where the system does not say: on another system than Linux, where Node.js
 *   was built without FFI, and until `loadPeerEnd` is done, which the first call begins
 */
export function peerEnd({ descriptor, hasEnded }: ConnectionEnd): PeerEnd | undefined {
  if (getsockopt === undefined) {
    loading ??= load();
    return undefined;
  }
  if (descriptor === undefined) return undefined;
  stateBytes.writeInt32LE(state.length);
  if (getsockopt(descriptor, SOL_TCP, TCP_INFO, state, stateBytes) !== 0) return undefined;
  // A connection that both sides have ended in order is in the same state, with what was not read in its buffer.
  if (state[0] === TCP_CLOSE) return hasEnded ? 'ended' : 'reset';
  return state[0] === TCP_CLOSE_WAIT ? 'ended' : undefined;
}

/** Loads what asking takes, once. Never rejects. */
export function loadPeerEnd(): Promise<void> {
  loading ??= load();
  return loading;
}

async function load(): Promise<void> {
  if (process.platform !== 'linux') return;
  try {
    getsockopt = await loadGetsockopt();
  } catch {
    // Time limits end what waits for a client that has left.
  }
}
