import type { ClientDuplexStream, Metadata, ServiceError } from '@grpc/grpc-js';
import { endOfStream } from './etcd-error.ts';
import type { Member } from './members.ts';

/** A method of etcd's API, as it is generated. */
export interface Method<Request, Response> {
  readonly path: string;
  readonly requestStream: boolean;
  readonly requestSerialize: (request: Request) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => Response;
}

/** One call at one member. */
export interface Attempt<Response> {
  /** Rejects with a ServiceError of grpc-js. */
  readonly answer: Promise<Response>;
  cancel(): void;
}

/** Makes a call, or opens a stream for one request and its answer. */
export function attempt<Request, Response>(
  member: Member,
  method: Method<Request, Response>,
  request: Request,
  metadata: Metadata,
): Attempt<Response> {
  return method.requestStream
    ? askOnce(openStream(member, method, metadata), request)
    : callOnce(member, method, request, metadata);
}

/** Opens a stream in both directions. */
export function openStream<Request, Response>(
  { client }: Member,
  { path, requestSerialize, responseDeserialize }: Method<Request, Response>,
  metadata: Metadata,
): ClientDuplexStream<Request, Response> {
  return client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize, metadata, {});
}

function callOnce<Request, Response>(
  { client }: Member,
  { path, requestSerialize, responseDeserialize }: Method<Request, Response>,
  request: Request,
  metadata: Metadata,
): Attempt<Response> {
  const { promise, resolve, reject } = Promise.withResolvers<Response>();
  const settle = (error: ServiceError | null, response?: Response): void => {
    if (error === null && response !== undefined) resolve(response);
    else reject(error ?? new TypeError('grpc-js gave neither an answer nor an error'));
  };
  const codec = [path, requestSerialize, responseDeserialize] as const;
  const running = client.makeUnaryRequest(...codec, request, metadata, {}, settle);
  return { answer: promise, cancel: () => running.cancel() };
}

function askOnce<Request, Response>(
  stream: ClientDuplexStream<Request, Response>,
  request: Request,
): Attempt<Response> {
  const { promise, resolve, reject } = Promise.withResolvers<Response>();
  stream.on('data', (response: Response) => {
    resolve(response);
    stream.end();
  });
  stream.on('error', reject);
  stream.on('end', () => reject(endOfStream('it ended the stream without an answer')));
  stream.write(request);
  return { answer: promise, cancel: () => stream.cancel() };
}
