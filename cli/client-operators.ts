import type { AdminClient as AdminStub } from '../proto/gen/hauberk/v1/admin.ts';
import type * as wire from '../proto/gen/hauberk/v1/admin.ts';
import type { Ask } from './client-call.ts';

/** A credential of an operator that has not expired. */
export interface OperatorInfo {
  readonly serial: string;
  readonly issuedMs: number;
  readonly notAfterMs: number;
  /** `self`, for what the control plane wrote into its data directory, or `renewal`. */
  readonly proof: string;
  readonly renewedFrom: string | undefined;
  /** When the first one of the chain of renewals was made. */
  readonly firstIssuedMs: number | undefined;
  readonly revoked: boolean;
  /** Of the last call with it. */
  readonly lastUse:
    { readonly usedMs: number; readonly address: string; readonly call: string } | undefined;
}

/** The part of the operators' client that is about operators. */
export interface OperatorsClient {
  /** Newest first. */
  listOperators(): Promise<OperatorInfo[]>;
}

/** Creates it. */
export function operatorCalls(stub: AdminStub, ask: Ask): OperatorsClient {
  return {
    async listOperators() {
      const { credentials } = await ask<wire.ListOperatorsResponse>((...rest) =>
        stub.listOperators({}, ...rest),
      );
      return credentials.map(toOperator);
    },
  };
}

function toOperator(credential: wire.OperatorCredential): OperatorInfo {
  const { serial, issuedMs, notAfterMs, proof, revoked, lastUsedMs } = credential;
  const { lastAddress: address, lastCall: call } = credential;
  return {
    serial,
    issuedMs,
    notAfterMs,
    proof,
    renewedFrom: credential.renewedFrom || undefined,
    firstIssuedMs: credential.firstIssuedMs || undefined,
    revoked,
    lastUse: lastUsedMs === 0 ? undefined : { usedMs: lastUsedMs, address, call },
  };
}
