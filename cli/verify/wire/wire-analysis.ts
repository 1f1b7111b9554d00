import { CanarySearch } from './canary-search.ts';
import { decodeFrame, type TcpSegment } from './packet.ts';
import type { CapturedFrame } from './pcap-reader.ts';
import { WireConnection, type WireDirection } from './wire-connection.ts';

/** What was seen of the connections to one address and port. */
export interface WireServer {
  readonly address: string;
  readonly port: number;
  readonly connections: number;
  /** Connections that carried bytes outside of TLS records. */
  readonly connectionsNotTls: number;
  /** Bytes of TCP streams, in both directions. */
  readonly bytesTo: number;
  readonly bytesFrom: number;
  /** Of these, bytes in TLS records of connections that were TLS throughout. */
  readonly encryptedBytesTo: number;
  readonly encryptedBytesFrom: number;
  /** TLS versions that the server chose. */
  readonly versions: readonly string[];
  /** Server names and application protocols that clients sent in the clear. */
  readonly serverNames: readonly string[];
  readonly protocols: readonly string[];
}

/** What an observer on the path has seen. */
export interface WireObservation {
  readonly frames: number;
  readonly bytes: number;
  /** Frames that the capture has only the beginning of. */
  readonly truncatedFrames: number;
  /** Places in TCP streams where the capture misses bytes. */
  readonly gaps: number;
  /** How often each canary was readable, in their order. */
  readonly canaries: readonly number[];
  /** By the order in which they were first seen. */
  readonly servers: readonly WireServer[];
}

/** Looks at the frames of a capture, one after the other. */
export class WireAnalysis {
  readonly #needles: readonly Buffer[];
  readonly #serverPorts: ReadonlySet<number>;
  readonly #canaries: number[];
  /** The connection between two ports that is under way, by client and server. */
  readonly #current = new Map<string, WireConnection>();
  readonly #byServer = new Map<string, { server: [string, number]; all: WireConnection[] }>();
  #frames = 0;
  #bytes = 0;
  #truncatedFrames = 0;

  /** @param serverPorts tell the server of a connection that began before the capture */
  constructor(needles: readonly Buffer[], serverPorts: readonly number[] = []) {
    this.#needles = needles;
    this.#serverPorts = new Set(serverPorts);
    this.#canaries = needles.map(() => 0);
  }

  /** Takes the next frame. */
  add(frame: CapturedFrame): void {
    this.#frames += 1;
    this.#bytes += frame.wireLength;
    if (frame.bytes.length < frame.wireLength) this.#truncatedFrames += 1;
    const decoded = decodeFrame(frame);
    if (decoded.kind === 'tcp') this.#addSegment(decoded.segment);
    else new CanarySearch(this.#needles, this.#found).push(decoded.bytes);
  }

  /** Ends the capture; nothing may be added afterwards. */
  finish(): WireObservation {
    for (const connection of this.#connections()) connection.end();
    const servers = [...this.#byServer.values()].map(({ server, all }) => summarise(server, all));
    return {
      frames: this.#frames,
      bytes: this.#bytes,
      truncatedFrames: this.#truncatedFrames,
      gaps: sum(this.#connections().map(({ gaps }) => gaps)),
      canaries: this.#canaries,
      servers,
    };
  }

  readonly #found = (needle: number): void => {
    this.#canaries[needle] = (this.#canaries[needle] ?? 0) + 1;
  };

  #connections(): WireConnection[] {
    return [...this.#byServer.values()].flatMap(({ all }) => all);
  }

  #addSegment(segment: TcpSegment): void {
    const source: [string, number] = [segment.sourceAddress, segment.sourcePort];
    const destination: [string, number] = [segment.destinationAddress, segment.destinationPort];
    const outward = `${source.join(' ')} ${destination.join(' ')}`;
    const inward = `${destination.join(' ')} ${source.join(' ')}`;
    const begins = segment.syn && !segment.ack;
    const known = this.#current.get(outward);
    if (known !== undefined && !known.isAnother(segment)) {
      known.add(segment, true);
      return;
    }
    const reverse = known === undefined && !begins ? this.#current.get(inward) : undefined;
    if (reverse !== undefined) {
      reverse.add(segment, false);
      return;
    }
    known?.end();
    const fromClient = begins || known !== undefined || this.#isFromClient(segment);
    const server = fromClient ? destination : source;
    const connection = new WireConnection(() => new CanarySearch(this.#needles, this.#found));
    this.#current.set(fromClient ? outward : inward, connection);
    const key = server.join(' ');
    const place = this.#byServer.get(key) ?? { server, all: [] };
    this.#byServer.set(key, place);
    place.all.push(connection);
    connection.add(segment, fromClient);
  }

  /** For a connection whose beginning was not seen: servers have the well-known, lower ports. */
  #isFromClient({ syn, sourcePort, destinationPort }: TcpSegment): boolean {
    if (syn) return false;
    const [from, to] = [sourcePort, destinationPort].map((port) => this.#serverPorts.has(port));
    return from === to ? destinationPort < sourcePort : to === true;
  }
}

function summarise([address, port]: [string, number], all: WireConnection[]): WireServer {
  const encrypted = all.filter(({ protocol }) => protocol === 'tls');
  const clientHellos = all.flatMap(({ clientToServer }) => clientToServer.records.hello ?? []);
  const serverHellos = all.flatMap(({ serverToClient }) => serverToClient.records.hello ?? []);
  const bytesIn = (direction: (one: WireConnection) => WireDirection): number =>
    sum(all.map((one) => direction(one).bytes));
  return {
    address,
    port,
    connections: all.length,
    connectionsNotTls: all.filter(({ protocol }) => protocol === 'other').length,
    bytesTo: bytesIn((one) => one.clientToServer),
    bytesFrom: bytesIn((one) => one.serverToClient),
    encryptedBytesTo: sum(encrypted.map((one) => one.clientToServer.records.bytes)),
    encryptedBytesFrom: sum(encrypted.map((one) => one.serverToClient.records.bytes)),
    versions: unique(serverHellos.flatMap(({ versions }) => versions)),
    serverNames: unique(clientHellos.flatMap(({ serverName }) => serverName ?? [])),
    protocols: unique(clientHellos.flatMap(({ protocols }) => protocols)),
  };
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

function unique(texts: readonly string[]): string[] {
  return [...new Set(texts)].toSorted();
}
