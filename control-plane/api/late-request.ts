import type {
  handleServerStreamingCall,
  handleUnaryCall,
  MethodDefinition,
  ServiceDefinition,
  UntypedHandleCall,
  UntypedServiceImplementation,
} from '@grpc/grpc-js';
import { translating } from '../../common/errors.ts';
import { RequestError } from './request-error.ts';

/**
 * The same service, whose requests are read when a handler first looks at `call.request`: after it has decided who asks,
 * and charged that to the caller. Reading one of a megabyte takes tens of milliseconds, and every client can send it.
 *
 * `call.request` throws RequestError `request-malformed` for what is no such request.
 *
 * @param maxBytes what is longer is not read at all; as long as the server takes when it is left out
 */
export function readLate(
  service: ServiceDefinition,
  handlers: UntypedServiceImplementation,
  maxBytes = Number.POSITIVE_INFINITY,
): readonly [ServiceDefinition, UntypedServiceImplementation] {
  const definitions: Record<string, MethodDefinition<unknown, unknown>> = {};
  const late: UntypedServiceImplementation = {};
  for (const [name, method] of Object.entries(service)) {
    const handle = handlers[name];
    if (handle === undefined) throw new TypeError(`expected a handler of ${method.path}`);
    if (method.requestStream) throw new TypeError(`expected ${method.path} to take one request`);
    definitions[name] = { ...method, requestDeserialize: (bytes: Buffer) => bytes };
    const read = (bytes: Buffer): unknown => {
      if (bytes.length > maxBytes) throw malformed(`a request of at most ${maxBytes} bytes`, bytes);
      return translating(
        () => method.requestDeserialize(bytes) as unknown,
        (cause) => malformed(`a request of ${method.path}`, bytes, cause),
      );
    };
    late[name] = reading(handle, read);
  }
  return [definitions, late];
}

type OneRequest = handleUnaryCall<unknown, unknown> & handleServerStreamingCall<unknown, unknown>;

function reading(handle: UntypedHandleCall, read: (bytes: Buffer) => unknown): UntypedHandleCall {
  const handler: OneRequest = (call: { request: unknown }, ...rest: unknown[]): void => {
    const bytes = call.request as Buffer;
    let request: unknown;
    Object.defineProperty(call, 'request', { get: () => (request ??= read(bytes)) });
    Reflect.apply(handle, undefined, [call, ...rest]);
  };
  return handler;
}

function malformed(expected: string, { length }: Buffer, cause?: unknown): RequestError {
  return new RequestError('request-malformed', `expected ${expected}, got ${length} other bytes`, {
    cause,
  });
}
