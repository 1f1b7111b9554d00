import { once } from 'node:events';
import net from 'node:net';
import type { Closeable } from '../../common/lifecycle.ts';

/** What a tap has seen go by. */
export interface WireObservation {
  /** Bytes in both directions. */
  bytes: number;
  /** How often the canary was readable. */
  canaries: number;
  /** The latest bytes, for a look at them. */
  sample: Buffer;
}

/** A place on the wire that is tapped. */
export interface Wiretap extends Closeable {
  /** Connect here instead of to the destination. */
  readonly port: number;
  readonly seen: WireObservation;
  /** Says where the bytes go; connections that come before wait for it. */
  forwardTo(port: number): void;
}

/** Enough for one line of the view. */
const SAMPLE_BYTES = 64;

/**
 * Forwards TCP connections on loopback unchanged and reads along: what it sees is what `tcpdump`
 * would see, without the rights that tcpdump needs.
 */
export async function startWiretap(canary: string): Promise<Wiretap> {
  const seen: WireObservation = { bytes: 0, canaries: 0, sample: Buffer.alloc(0) };
  const target = Promise.withResolvers<number>();
  const sockets = new Set<net.Socket>();
  const server = net.createServer({ allowHalfOpen: true, noDelay: true }, (near) => {
    const joined = target.promise.then((port) => {
      const far = net.connect({ port, host: '127.0.0.1', allowHalfOpen: true, noDelay: true });
      for (const [from, to] of [
        [near, far],
        [far, near],
      ] as const) {
        sockets.add(from);
        from.on('close', () => {
          sockets.delete(from);
          to.destroy();
        });
        from.on('error', () => to.resetAndDestroy());
        readAlong(from, canary, seen);
        from.pipe(to);
      }
    });
    joined.catch(() => near.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as net.AddressInfo).port,
    seen,
    forwardTo: target.resolve,
    close() {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}

/** Counts the canary, also where it is cut by the border between two reads. */
function readAlong(socket: net.Socket, canary: string, seen: WireObservation): void {
  const needle = Buffer.from(canary);
  let tail = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    const window = Buffer.concat([tail, chunk]);
    for (let at = window.indexOf(needle); at !== -1; at = window.indexOf(needle, at + 1)) {
      seen.canaries += 1;
    }
    tail = window.subarray(Math.max(window.length - needle.length + 1, 0));
    seen.bytes += chunk.length;
    seen.sample = Buffer.from(chunk.subarray(0, SAMPLE_BYTES));
  });
}
