import type { SecureContext } from 'node:tls';

/** Where Prometheus is, and how it is asked. */
export interface PrometheusEndpoint {
  /** With a path where it is below one; without a user and a password. */
  readonly url: string;
  /** Read for each question of a person, so that files may be replaced at any time. @throws ConfigError */
  access(): PrometheusAccess;
}

/** What Prometheus, or what stands in front of it, wants to see. None of it is ever shown. */
export interface PrometheusAccess {
  /** The header field; absent where none is asked for. */
  readonly authorization?: string | undefined;
  /** For `https:`: whom to trust, and which certificate to show. */
  readonly secureContext?: SecureContext | undefined;
}
