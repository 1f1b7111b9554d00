import { GRPC_STATUSES, type GrpcStatus } from '../../../../common/routes/grpc-statuses.ts';
import { ERROR_CODE } from '../../../http2/protocol.ts';

/** The status that a `grpc-status` field carries; a client takes a number that it does not know for UNKNOWN. */
export function grpcStatusOf(value: string): GrpcStatus {
  return (/^\d{1,3}$/.test(value) ? GRPC_STATUSES[Number(value)] : undefined) ?? 'UNKNOWN';
}

/** What a client of gRPC makes of a response without `grpc-status`, by its status code of HTTP. */
export function grpcStatusOfHttp(status: number): GrpcStatus {
  switch (status) {
    case 400:
      return 'INTERNAL';
    case 401:
      return 'UNAUTHENTICATED';
    case 403:
      return 'PERMISSION_DENIED';
    case 404:
      return 'UNIMPLEMENTED';
    case 429:
    case 502:
    case 503:
    case 504:
      return 'UNAVAILABLE';
    default:
      return 'UNKNOWN';
  }
}

/** What a client of gRPC makes of a RST_STREAM, by its error code. */
export function grpcStatusOfReset(code: number): GrpcStatus {
  switch (code) {
    case ERROR_CODE.REFUSED_STREAM:
      return 'UNAVAILABLE';
    case ERROR_CODE.CANCEL:
      return 'CANCELLED';
    case ERROR_CODE.ENHANCE_YOUR_CALM:
      return 'RESOURCE_EXHAUSTED';
    default:
      return 'INTERNAL';
  }
}
