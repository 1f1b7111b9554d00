import { HauberkError } from '../../common/errors.ts';
import { MeshConfigError } from '../../common/mesh-config/mesh-config-error.ts';
import { JoinTokenError } from '../../common/pki/join-token/join-token-error.ts';
import { PkiError } from '../../common/pki/pki-error.ts';
import { rpcError, type StatusError } from '../../common/rpc/reason.ts';
import { isRefusal, REFUSAL_STATUS, type Refusal } from '../../common/rpc/rpc-error.ts';
import { CaError } from '../ca/ca-error.ts';
import { FederationError } from '../federation/federation-error.ts';
import { MeshConfigStoreError } from '../policy/mesh-config-error.ts';
import { QuestionError } from '../questions/question-error.ts';
import { RegistryError } from '../registry/registry-error.ts';
import { OperatorError } from '../operators/operator-error.ts';
import { RevocationError } from '../revocation/revocation-error.ts';
import { StoreError } from '../store/store-error.ts';
import { TokenError } from '../tokens/token-error.ts';
import { TrafficError } from '../traffic/traffic-error.ts';
import { RateLimited, RequestError } from './request-error.ts';

const KNOWN = [
  RequestError,
  JoinTokenError,
  TokenError,
  PkiError,
  RegistryError,
  MeshConfigStoreError,
  CaError,
  FederationError,
  RevocationError,
  OperatorError,
  TrafficError,
  QuestionError,
] as const;

type Known = InstanceType<(typeof KNOWN)[number]>;

/** What callers are told for a code that does not travel as it is. */
const TOLD_AS: Readonly<Record<Exclude<Known['code'], Refusal>, Refusal>> = {
  'authority-busy': 'unavailable',
  'authority-corrupt': 'internal',
  'authority-expired': 'unavailable',
  'certificate-malformed': 'internal',
  'config-version-unknown': 'not-found',
  'connection-ended': 'unavailable',
  'federation-unknown': 'not-found',
  'identity-unknown': 'not-found',
  'journal-unusable': 'internal',
  'key-mismatch': 'internal',
  'question-malformed': 'request-malformed',
  'questions-too-many': 'rate-limited',
  'readmitted-just-now': 'unavailable',
  'registry-busy': 'unavailable',
  'revocation-busy': 'unavailable',
  'revocation-invalid': 'request-malformed',
  'revocation-not-found': 'not-found',
  'root-unknown': 'not-found',
  'sidecar-away': 'sidecar-unavailable',
  'sidecar-silent': 'sidecar-unavailable',
  'sidecar-too-old': 'sidecar-unavailable',
  'sidecar-unknown': 'not-found',
  'token-busy': 'unavailable',
  'token-invalid': 'request-malformed',
  'token-not-found': 'not-found',
  'too-many-instances': 'rate-limited',
  'trust-domain-changed': 'internal',
  'watchers-too-many': 'rate-limited',
};

/** What the caller is told. */
export interface RefusalAnswer {
  readonly reason: Refusal;
  readonly error: StatusError;
}

/**
 * Translates whatever a handler threw into what the caller is told. Of errors that are not refusals
 * nothing leaves the control plane but the fact.
 */
export function toRefusal(error: unknown, nowMs: number): RefusalAnswer {
  const reason = reasonFor(error);
  const known = error instanceof HauberkError && reason !== 'internal';
  const sentence = known ? error.message : 'the control plane failed; its log has the reason';
  const hint = known ? error.hint : undefined;
  const retryAfterMs = error instanceof RateLimited ? error.retryAfterMs : undefined;
  const details = { hint, serverTimeMs: nowMs, retryAfterMs };
  return { reason, error: rpcError(REFUSAL_STATUS[reason], reason, sentence, details) };
}

function reasonFor(error: unknown): Refusal {
  if (error instanceof MeshConfigError) return 'config-invalid';
  if (error instanceof StoreError) return error.code === 'invalid' ? 'internal' : 'unavailable';
  const code = KNOWN.some((one) => error instanceof one) ? (error as Known).code : 'internal';
  return isRefusal(code) ? code : TOLD_AS[code];
}
