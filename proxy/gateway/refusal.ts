import type { EgressErrorCode } from '../egress/egress-error.ts';

/** Why a gateway ended a connection that came from outside. A label of a metric: bounded. */
export type ConnectionRefusal =
  | 'too-many-connections'
  | 'client-limit'
  | 'displaced'
  | 'descriptors'
  | 'proxy-header-malformed'
  | 'client-hello-malformed'
  | 'client-hello-late'
  | 'no-route'
  | 'tls-handshake'
  | 'too-many-handshakes'
  | 'record-flood'
  | 'client-certificate';

/** Why a gateway answered a request itself. A label of a metric: bounded. */
export type RequestRefusal =
  | 'malformed'
  | 'too-late'
  | 'headers-too-large'
  | 'body-too-large'
  | 'method-not-allowed'
  | 'expectation'
  | 'no-route'
  | 'no-endpoint'
  | 'descriptors'
  | 'service-failed'
  | 'service-late'
  | 'stream-idle';

/** Why a server outside could not be asked: as for any other connection to one. */
export type EgressFailure = Exclude<EgressErrorCode, 'aborted'>;

/** Every reason for which a gateway answers itself. */
export type RequestFailure = RequestRefusal | EgressFailure;
