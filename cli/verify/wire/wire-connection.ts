import type { CanarySearch } from './canary-search.ts';
import type { TcpSegment } from './packet.ts';
import { TcpStream } from './tcp-stream.ts';
import { TlsRecords } from './tls-records.ts';

/** One direction of a connection as it went by. */
export interface WireDirection {
  /** Bytes of the stream, each counted once. */
  bytes: number;
  /** How often bytes were missing in the capture. */
  gaps: number;
  readonly records: TlsRecords;
  readonly stream: TcpStream;
}

/** A TCP connection as an observer on the path sees it. */
export class WireConnection {
  readonly clientToServer: WireDirection;
  readonly serverToClient: WireDirection;
  /** Sequence number of the SYN that began it, where the capture has it. */
  #syn: number | undefined;

  /** @param search makes what looks for canaries in one direction */
  constructor(search: () => CanarySearch) {
    this.clientToServer = watchDirection(search());
    this.serverToClient = watchDirection(search());
  }

  /** Places where the capture misses bytes. */
  get gaps(): number {
    return this.clientToServer.gaps + this.serverToClient.gaps;
  }

  /** Whether a segment of the client begins another connection between the same ports. */
  isAnother({ syn, ack, sequence }: TcpSegment): boolean {
    return syn && !ack && this.#syn !== undefined && this.#syn !== sequence;
  }

  /** Takes a segment, in the order of the capture. */
  add(segment: TcpSegment, fromClient: boolean): void {
    if (segment.syn && fromClient) this.#syn = segment.sequence;
    (fromClient ? this.clientToServer : this.serverToClient).stream.add(segment);
  }

  /** No more segments come. */
  end(): void {
    this.clientToServer.stream.end();
    this.serverToClient.stream.end();
  }

  /** What the bytes were: `tls` only when every one of them, in both directions, was in a record. */
  get protocol(): 'tls' | 'other' | 'silent' {
    const spoken = [this.clientToServer, this.serverToClient].filter(({ bytes }) => bytes > 0);
    if (spoken.length === 0) return 'silent';
    return spoken.every(({ records }) => records.isTls) ? 'tls' : 'other';
  }
}

function watchDirection(search: CanarySearch): WireDirection {
  const records = new TlsRecords();
  const direction: WireDirection = {
    bytes: 0,
    gaps: 0,
    records,
    stream: new TcpStream({
      data(bytes) {
        direction.bytes += bytes.length;
        search.push(bytes);
        records.push(bytes);
      },
      gap() {
        direction.gaps += 1;
        search.reset();
        records.lose();
      },
    }),
  };
  return direction;
}
