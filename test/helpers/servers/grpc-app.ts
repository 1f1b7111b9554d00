import * as grpc from '@grpc/grpc-js';
import { freePort } from '../machine/free-port.ts';
import type { Scope } from '../scope.ts';

const bytes = (value: Buffer): Buffer => value;
const shape = {
  requestSerialize: bytes,
  requestDeserialize: bytes,
  responseSerialize: bytes,
  responseDeserialize: bytes,
};

const SERVICE = {
  Name: { path: '/test.App/Name', requestStream: false, responseStream: false, ...shape },
  Chat: { path: '/test.App/Chat', requestStream: true, responseStream: true, ...shape },
} as const;

/** A gRPC application of a test. */
export interface GrpcApp {
  readonly port: number;
  /** Calls of `Name` that it has got. */
  readonly calls: number;
  /** Calls of `Chat` that have not ended. */
  readonly chats: number;
  stop(): void;
}

/** What `Name` answers instead of the name. */
export type Fail = (before: number) => grpc.status | undefined;

/** Starts one: `Name` answers its name, `Chat` each message with its name before it, until the client has ended. */
export async function startGrpcApp(
  scope: Scope,
  name: string,
  fail: Fail = () => undefined,
): Promise<GrpcApp> {
  const server = new grpc.Server();
  let calls = 0;
  let chats = 0;
  const implementation: grpc.UntypedServiceImplementation = {
    Name(_call: grpc.ServerUnaryCall<Buffer, Buffer>, callback: grpc.sendUnaryData<Buffer>) {
      const code = fail(calls);
      calls += 1;
      if (code === undefined) callback(null, Buffer.from(name));
      else callback({ code, details: `it is ${name}` });
    },
    Chat(call: grpc.ServerDuplexStream<Buffer, Buffer>) {
      chats += 1;
      call.on('data', (message: Buffer) =>
        call.write(Buffer.from(`${name}:${message.toString()}`)),
      );
      call.on('end', () => {
        call.write(Buffer.from(`${name} ends`));
        call.end();
      });
      const over = (): void => void (chats -= 1);
      call.on('close', over);
    },
  };
  server.addService(SERVICE, implementation);
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  // Not a port of the system's: once it is closed, nobody else may answer there.
  const own = `127.0.0.1:${await freePort()}`;
  server.bindAsync(own, grpc.ServerCredentials.createInsecure(), (error, port) =>
    error === null ? resolve(port) : reject(error),
  );
  const stop = (): void => server.forceShutdown();
  scope.teardown(stop);
  return {
    port: await promise,
    get calls() {
      return calls;
    },
    get chats() {
      return chats;
    },
    stop,
  };
}

/** How a call has ended. */
export interface GrpcOutcome {
  readonly code: grpc.status;
  readonly details: string;
  readonly message: string | undefined;
}

/** One channel to a local port: one connection. */
export interface GrpcChannel {
  name(options?: { readonly deadlineMs: number }): Promise<GrpcOutcome>;
  chat(): grpc.ClientDuplexStream<Buffer, Buffer>;
}

/** Opens one. It does not try again by itself. */
export function openChannel(scope: Scope, port: number): GrpcChannel {
  const client = new grpc.Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure(), {
    'grpc.enable_retries': 0,
    // Otherwise channels to one port share a connection.
    'grpc.use_local_subchannel_pool': 1,
    'grpc.default_authority': 'web',
  });
  scope.teardown(() => client.close());
  return {
    name({ deadlineMs } = { deadlineMs: 30_000 }) {
      const { promise, resolve } = Promise.withResolvers<GrpcOutcome>();
      const deadline = Date.now() + deadlineMs;
      let message: string | undefined;
      const { path } = SERVICE.Name;
      const call = client.makeUnaryRequest(
        path,
        bytes,
        bytes,
        Buffer.from('?'),
        { deadline },
        (_error, value) => {
          message = value?.toString();
        },
      );
      // The callback is called in the same turn.
      call.on('status', ({ code, details }) =>
        setImmediate(() => resolve({ code, details, message })),
      );
      return promise;
    },
    chat: () => client.makeBidiStreamRequest(SERVICE.Chat.path, bytes, bytes),
  };
}
