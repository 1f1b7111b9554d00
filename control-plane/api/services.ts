import type { handleBidiStreamingCall, handleUnaryCall, Server } from '@grpc/grpc-js';
import { AdminService } from '../../proto/gen/hauberk/v1/admin.ts';
import { DiscoveryService } from '../../proto/gen/hauberk/v1/discovery.ts';
import {
  IdentityService,
  type IssueRequest,
  type IssueResponse,
} from '../../proto/gen/hauberk/v1/identity.ts';
import type { AdminHandlers } from './admin/for-operators.ts';
import { readLate } from './late-request.ts';

/** The handlers of all services. */
export interface Handlers {
  readonly issue: handleUnaryCall<IssueRequest, IssueResponse>;
  /**
   * Writes messages that are encoded already, as the same bytes go to many streams, and reads those of sidecars itself, within
   * what each may say.
   */
  readonly sync: handleBidiStreamingCall<Buffer, Buffer>;
  readonly admin: AdminHandlers;
}

/** Whom it is charged to stands in it. A CSR has 2 KiB at most, a SPIFFE ID as many, a join token 200 bytes. */
const MAX_ISSUE_BYTES = 8 * 1024;

const encodedSync = {
  ...DiscoveryService.sync,
  requestDeserialize: (bytes: Buffer) => bytes,
  responseSerialize: (message: Buffer) => message,
};

/** Adds the services to a gRPC server. */
export function serviceRegistrar({ issue, sync, admin }: Handlers): (server: Server) => void {
  return (server) => {
    server.addService(...readLate(IdentityService, { issue }, MAX_ISSUE_BYTES));
    server.addService({ sync: encodedSync }, { sync });
    server.addService(...readLate(AdminService, { ...admin }));
  };
}
