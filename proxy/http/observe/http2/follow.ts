import type { HeaderField } from '../../../http2/hpack/static-table.ts';
import { CLIENT_PREFACE } from '../../../http2/protocol.ts';
import { methodLabel, statusLabel, type StatusLabel } from '../../../metrics/requests/labels.ts';
import { OpenRequest, type FollowContext, type Follower } from '../open-request.ts';
import { ParseError } from '../parse-error.ts';
import { FrameFollower, type FrameHandler } from './frame-follower.ts';
import { grpcStatusOf, grpcStatusOfHttp, grpcStatusOfReset } from './grpc-status.ts';

/** Servers allow one or two hundred streams at a time; those of gRPC that allow any number rarely have so many. */
const MAX_OPEN_STREAMS = 2_048;

const NO_STREAM = 0;

/** Follows the requests of an HTTP/2 connection (RFC 9113), gRPC among them. */
export class Http2Follower implements Follower {
  readonly isOver = false;
  readonly context: FollowContext;
  readonly streams = new Map<number, OpenRequest>();
  readonly #fromClient: FrameFollower;
  readonly #fromServer: FrameFollower;
  #prefaceBytes = 0;

  constructor(context: FollowContext) {
    this.context = context;
    this.#fromClient = new FrameFollower(new Requests(this), context.memory);
    this.#fromServer = new FrameFollower(new Responses(this), context.memory);
  }

  /** The first chunk begins with the whole preface. */
  fromClient(chunk: Buffer): void {
    const from = this.#prefaceBytes === 0 ? CLIENT_PREFACE.length : 0;
    this.#prefaceBytes = CLIENT_PREFACE.length;
    this.#fromClient.read(chunk, from);
  }

  fromServer(chunk: Buffer): void {
    this.#fromServer.read(chunk, 0);
  }

  serverEnded(): void {}

  closed(): void {
    for (const request of this.streams.values()) {
      request.end(request.protocol === 'grpc' ? 'UNAVAILABLE' : 'incomplete', this.context);
    }
    this.streams.clear();
  }

  release(): void {
    this.#fromClient.release();
    this.#fromServer.release();
  }

  end(streamId: number, request: OpenRequest, status: StatusLabel): void {
    this.streams.delete(streamId);
    request.end(status, this.context);
  }

  /** Either side has given the stream up. */
  reset(streamId: number, code: number): void {
    const request = this.streams.get(streamId);
    if (request === undefined) return;
    const status = request.protocol === 'grpc' ? grpcStatusOfReset(code) : 'incomplete';
    this.end(streamId, request, status);
  }
}

class Requests implements FrameHandler {
  readonly #owner: Http2Follower;
  #newestId = NO_STREAM;

  constructor(owner: Http2Follower) {
    this.#owner = owner;
  }

  /** A request, or the trailers of one. */
  headers(streamId: number, fields: readonly HeaderField[]): void {
    if (streamId <= this.#newestId) return;
    const { streams, context } = this.#owner;
    if (streamId % 2 === 0)
      throw new ParseError('malformed', 'expected an odd number, got an even');
    if (streams.size >= MAX_OPEN_STREAMS) {
      const sentence = `expected at most ${MAX_OPEN_STREAMS} open streams, got more`;
      throw new ParseError('too-many', sentence);
    }
    this.#newestId = streamId;
    let method = '';
    let isGrpc = false;
    for (const [name, value] of fields) {
      if (name === ':method') method = value;
      else if (name === 'content-type') isGrpc = isGrpcType(value);
    }
    const protocol = isGrpc ? 'grpc' : 'http2';
    const startedMs = context.clock.monotonicMs();
    const request = new OpenRequest(protocol, methodLabel(method), startedMs);
    if (context.requests.wantsTarget) request.target = targetOf(fields);
    streams.set(streamId, request);
  }

  data(streamId: number, bytes: number): void {
    const request = this.#owner.streams.get(streamId);
    if (request !== undefined) request.requestBytes += bytes;
  }

  reset(streamId: number, code: number): void {
    this.#owner.reset(streamId, code);
  }
}

class Responses implements FrameHandler {
  readonly #owner: Http2Follower;

  constructor(owner: Http2Follower) {
    this.#owner = owner;
  }

  /** A response, interim or final, or the trailers of one. */
  headers(streamId: number, fields: readonly HeaderField[], endStream: boolean): void {
    const request = this.#owner.streams.get(streamId);
    if (request === undefined) return;
    for (const [name, value] of fields) {
      if (name === ':status') request.responseStatus = statusOf(value);
      else if (name === 'grpc-status') request.grpcStatus = value;
    }
    const isTunnel = request.method === 'CONNECT' && statusLabel(request.responseStatus) === '2xx';
    if (endStream || isTunnel) this.#owner.end(streamId, request, endOf(request));
  }

  data(streamId: number, bytes: number, endStream: boolean): void {
    const request = this.#owner.streams.get(streamId);
    if (request === undefined) return;
    request.responseBytes += bytes;
    if (endStream) this.#owner.end(streamId, request, endOf(request));
  }

  reset(streamId: number, code: number): void {
    this.#owner.reset(streamId, code);
  }
}

function targetOf(fields: readonly HeaderField[]): string | undefined {
  return fields.find(([name]) => name === ':path')?.[1];
}

/** `application/grpc`, `application/grpc+proto`, with parameters; not gRPC-Web, whose trailers are in the body. */
function isGrpcType(value: string): boolean {
  return /^application\/grpc(?:[+;]|$)/i.test(value);
}

/** 0 for what is no status code. */
function statusOf(value: string): number {
  return /^[1-5]\d\d$/.test(value) ? Number(value) : 0;
}

function endOf({ protocol, grpcStatus, responseStatus }: OpenRequest): StatusLabel {
  if (protocol !== 'grpc') return statusLabel(responseStatus);
  return grpcStatus === undefined ? grpcStatusOfHttp(responseStatus) : grpcStatusOf(grpcStatus);
}
