import type { ServiceName } from '../../../common/wire/interest.ts';

/** How what carries connections says what it needs to be told of. */
export interface Needs {
  /**
   * Routes of the gateway lead to these services, and to no others. Resolves when their endpoints are known, or when
   * the control plane did not answer soon.
   */
  gatewayServices(services: readonly ServiceName[]): Promise<void>;
  /** The application calls this address, in canonical form. */
  address(address: string): void;
}
