import type { CallOptions, ClientUnaryCall, Metadata, ServiceError } from '@grpc/grpc-js';

/** Starts a call of the generated client with what every call is given. */
export type StartCall<Response> = (
  metadata: Metadata,
  options: Partial<CallOptions>,
  callback: (error: ServiceError | null, response: Response) => void,
) => ClientUnaryCall;

/** Makes a call within the time that a person waits; rejects with an RpcError. */
export type Ask = <Response>(start: StartCall<Response>) => Promise<Response>;
