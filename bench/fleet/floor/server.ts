// A server with streams that do nothing: what they cost is what no control plane on this library can go below.
import { createServer as createHttp2Server, type ServerHttp2Stream } from 'node:http2';
import { createServer, type TLSSocket } from 'node:tls';
import { text } from 'node:stream/consumers';
import {
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServiceDefinition,
} from '@grpc/grpc-js';
import { acceptOnly } from '../../../common/tls/accept-only.ts';
import { FLOOR_PATH, type FloorKind, type FloorPlan } from './floor-plan.ts';

/** An answer of gRPC with an empty message. */
const EMPTY_MESSAGE = Buffer.alloc(5);
const SESSION = { settings: { maxConcurrentStreams: 32 }, maxSessionMemory: 32 };

function acceptorOf(kind: FloorKind): (socket: TLSSocket) => void {
  if (kind === 'tls') return (socket) => void socket.resume().on('error', () => undefined);
  if (kind === 'http2') {
    const server = createHttp2Server(SESSION);
    server.on('stream', (stream: ServerHttp2Stream) => {
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' });
      stream.on('data', () => stream.write(EMPTY_MESSAGE));
      stream.on('error', () => undefined);
    });
    return (socket) => void server.emit('connection', socket);
  }
  const server = new Server({
    'grpc.max_concurrent_streams': SESSION.settings.maxConcurrentStreams,
    'grpc-node.max_session_memory': SESSION.maxSessionMemory,
    'grpc.enable_channelz': 0,
  });
  const nothing = Buffer.alloc(0);
  const asItIs = (bytes: Buffer): Buffer => bytes;
  const stream = {
    path: FLOOR_PATH,
    requestStream: true,
    responseStream: true,
    requestSerialize: asItIs,
    requestDeserialize: asItIs,
    responseSerialize: asItIs,
    responseDeserialize: asItIs,
  };
  server.addService({ stream } satisfies ServiceDefinition, {
    stream(call: ServerDuplexStream<Buffer, Buffer>) {
      call.on('data', () => void call.write(nothing));
      call.on('error', () => undefined);
    },
  });
  const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
  return (socket) => injector.injectConnection(socket);
}

const { kind, ...credentials } = JSON.parse(await text(process.stdin)) as FloorPlan;
const accept = acceptorOf(kind);
const listener = createServer({
  ...credentials,
  minVersion: 'TLSv1.3',
  requestCert: true,
  ...acceptOnly('h2'),
});
listener.on('secureConnection', accept);
listener.listen(0, '127.0.0.1', () => {
  const address = listener.address();
  process.stdout.write(`port ${typeof address === 'object' ? address?.port : ''}\n`);
});
