import * as grpc from '@grpc/grpc-js';
import type { Scope } from '../scope.ts';

const bytes = (value: Buffer): Buffer => value;
const shape = {
  requestSerialize: bytes,
  requestDeserialize: bytes,
  responseSerialize: bytes,
  responseDeserialize: bytes,
};

/** One method of each kind that gRPC has, on plain bytes. */
const ECHO = {
  Once: { path: '/test.Echo/Once', requestStream: false, responseStream: false, ...shape },
  Both: { path: '/test.Echo/Both', requestStream: true, responseStream: true, ...shape },
} as const;

/** Starts a gRPC server without TLS: `Once` answers `deny` with PERMISSION_DENIED, `Both` sends back. */
export async function startGrpcEcho(scope: Scope): Promise<number> {
  const server = new grpc.Server();
  const implementation: grpc.UntypedServiceImplementation = {
    Once(call: grpc.ServerUnaryCall<Buffer, Buffer>, callback: grpc.sendUnaryData<Buffer>) {
      const trailer = new grpc.Metadata();
      trailer.set('x-forwarded-for', String(call.metadata.get('x-forwarded-for')[0]));
      trailer.set('x-sum', String(call.request.length));
      if (call.request.toString() !== 'deny') return callback(null, call.request, trailer);
      callback({ code: grpc.status.PERMISSION_DENIED, details: 'no', metadata: trailer });
    },
    Both(call: grpc.ServerDuplexStream<Buffer, Buffer>) {
      call.on('data', (message: Buffer) => call.write(message));
      call.on('end', () => call.end());
    },
  };
  server.addService(ECHO, implementation);
  const credentials = grpc.ServerCredentials.createInsecure();
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  server.bindAsync('127.0.0.1:0', credentials, (error, port) =>
    error === null ? resolve(port) : reject(error),
  );
  scope.teardown(() => server.forceShutdown());
  return await promise;
}

/** What a unary call ended with. */
export interface GrpcAnswer {
  readonly code: grpc.status;
  readonly details: string;
  readonly message: string | undefined;
  readonly trailers: grpc.Metadata;
}

/** A client of the echo. */
export interface GrpcEchoClient {
  once(message: string): Promise<GrpcAnswer>;
  both(options?: grpc.CallOptions): grpc.ClientDuplexStream<Buffer, Buffer>;
  close(): void;
}

/** Where a client connects to. */
export interface GrpcEchoAddress {
  readonly port: number;
  /** Whom the client asks for; with TLS, the certificate has to be for it. */
  readonly name: string;
  /** Who vouches for that, in PEM; undefined for a connection without TLS. */
  readonly root?: string;
}

/** Connects to a local port. */
export function connectGrpcEcho(
  scope: Scope,
  { port, root, name }: GrpcEchoAddress,
): GrpcEchoClient {
  const credentials =
    root === undefined
      ? grpc.credentials.createInsecure()
      : grpc.credentials.createSsl(Buffer.from(root));
  const client = new grpc.Client(`127.0.0.1:${port}`, credentials, {
    ...(root === undefined ? {} : { 'grpc.ssl_target_name_override': name }),
    'grpc.default_authority': name,
  });
  scope.teardown(() => client.close());
  return {
    once(message) {
      const { promise, resolve } = Promise.withResolvers<GrpcAnswer>();
      let answer: string | undefined;
      const call = client.makeUnaryRequest(
        ECHO.Once.path,
        bytes,
        bytes,
        Buffer.from(message),
        (_error, value) => {
          answer = value?.toString();
        },
      );
      call.on('status', ({ code, details, metadata }) => {
        // The callback is called in the same turn.
        setImmediate(() => resolve({ code, details, message: answer, trailers: metadata }));
      });
      return promise;
    },
    both: (options = {}) => client.makeBidiStreamRequest(ECHO.Both.path, bytes, bytes, options),
    close: () => client.close(),
  };
}
