import type { X509Certificate } from 'node:crypto';
import type { handleUnaryCall } from '@grpc/grpc-js';
import type { Logger } from 'pino';
import type { Clock } from '../../common/clock.ts';
import type { Guard } from '../../common/guard.ts';
import { openCsr } from '../../common/pki/csr.ts';
import { JoinTokenError } from '../../common/pki/join-token/join-token-error.ts';
import {
  DEFAULT_LEAF_LIFETIME_MS,
  MAX_LEAF_LIFETIME_MS,
  MIN_LEAF_LIFETIME_MS,
} from '../../common/pki/lifetimes.ts';
import { lifetimeOf } from '../../common/mesh-config/lifetimes.ts';
import { parseSpiffeId, SYSTEM_NAMESPACE, type SpiffeId } from '../../common/pki/spiffe-id.ts';
import { serialOf } from '../../common/pki/revocation.ts';
import { createLogLimit } from '../../common/rate-limit.ts';
import { toBundleMessage } from '../../common/wire/bundle.ts';
import { callerOf, type Caller } from '../../common/rpc/peer.ts';
import type { IssueRequest, IssueResponse } from '../../proto/gen/hauberk/v1/identity.ts';
import { callerRootsOf } from '../ca/authorities/authorities.ts';
import type { CertificateAuthority, Issued, IssueOptions } from '../ca/certificate-authority.ts';
import type { WithoutStore } from '../ca/without-store/issue-without-store.ts';
import type { ControlPlaneMetrics } from '../metrics.ts';
import { TokenError } from '../tokens/token-error.ts';
import type { Tokens } from '../tokens/tokens.ts';
import type { MeshConfigStore } from '../policy/mesh-config-store.ts';
import type { MeshView } from '../registry/mesh-view.ts';
import type { Revocations } from '../revocation/revocations.ts';
import { operatorLifetimeMs } from '../operators/operator-renewal.ts';
import type { OperatorUses } from '../operators/operator-uses.ts';
import { requireProofOrExpired, type ProvenCaller } from './caller.ts';
import type { CallerLimits } from './caller-limits.ts';
import { peerAddress } from './peer-address.ts';
import { toRefusal } from './refusal.ts';
import type { RefusedCalls } from './refused-calls.ts';
import { RequestError } from './request-error.ts';

/** What issuing needs. */
export interface IssueHandlerOptions {
  readonly ca: CertificateAuthority;
  readonly tokens: Tokens;
  readonly limits: Pick<CallerLimits, 'issue' | 'wrongToken'>;
  readonly refusedCalls: RefusedCalls;
  readonly revocations: Pick<Revocations, 'admit'>;
  readonly view: Pick<MeshView, 'revocations'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly guard: Guard;
  readonly metrics: Pick<
    ControlPlaneMetrics,
    'certificatesIssued' | 'issueRefused' | 'issueSeconds'
  >;
  /** What a caller gets that does not ask for a lifetime, where the configuration says nothing. */
  readonly leafLifetimeMs?: number;
  /** How long certificates live, by the configuration that is in force now. */
  readonly configs: Pick<MeshConfigStore, 'current'>;
  /** So long after its end a certificate may still be renewed; 0: not at all. */
  readonly renewAfterExpiryMs: number;
  /** So long after its first issue an operator's credential may be renewed by itself; 0: not at all. */
  readonly operatorRenewalMs: number;
  readonly operatorUses: Pick<OperatorUses, 'used'>;
  /** Goes on with renewals while the store is gone, where the operator has allowed it. */
  readonly withoutStore: Pick<WithoutStore, 'isNeeded' | 'renew' | 'find'>;
}

type Wanted = Pick<IssueOptions, 'publicKey' | 'spiffeId'> & { lifetimeMs: number };

/**
 * `Identity.Issue`: a certificate for a join token (first contact), or for the certificate in use.
 *
 * A token in the request is what is judged, whether there is a certificate or not: a sidecar whose
 * certificate has expired comes back this way. Without one the certificate decides, and the new
 * certificate is for the same identity, always. While the store is gone a renewal of a valid certificate may be made
 * without it, where the operator has allowed that.
 */
export function createIssueHandler(
  options: IssueHandlerOptions,
): handleUnaryCall<IssueRequest, IssueResponse> {
  const { ca, tokens, revocations, view, configs, clock, logger, guard, metrics, limits } = options;
  const { refusedCalls } = options;
  const { leafLifetimeMs = DEFAULT_LEAF_LIFETIME_MS, renewAfterExpiryMs } = options;
  const { operatorRenewalMs, operatorUses, withoutStore } = options;
  const mayLog = createLogLimit(clock);

  /** The id of the token. Before anything is charged to it, or done for it. */
  const provenToken = (joinToken: string, address: string): Promise<string> =>
    tokens.prove(joinToken).catch((error: unknown) => {
      // A guess: a caller that knows the secret of an ended token is no guesser.
      const isGuess =
        error instanceof JoinTokenError || (error instanceof TokenError && WRONG.has(error.code));
      throw isGuess ? limits.wrongToken(address, error) : error;
    });

  const wantedOf = (request: IssueRequest, id: SpiffeId): Wanted => {
    const { lifetimes } = configs.current().config;
    const { usualMs, longestMs } = lifetimeOf(lifetimes, id, leafLifetimeMs);
    // What an operator gets has a bound of its own.
    const mostMs = id.namespace === SYSTEM_NAMESPACE ? MAX_LEAF_LIFETIME_MS : longestMs;
    const lifetimeMs = Math.min(wantedLifetimeMs(request, usualMs), mostMs);
    return { publicKey: openCsr(request.csr).subjectKey, spiffeId: id, lifetimeMs };
  };

  const issue = async (request: IssueRequest, caller: Caller, address: string): Promise<Issued> => {
    if (request.joinToken !== '') {
      limits.issue({ tokenId: await provenToken(request.joinToken, address) });
      const spiffeId = wantedIdentity(request, ca.trustDomain);
      return tokens.redeem(request.joinToken, spiffeId, async ({ tokenId, ...redemption }) => {
        const unrevoked = await revocations.admit({ spiffeId, tokenId });
        const compares = [...redemption.compares, ...unrevoked];
        const proof = { kind: 'token', tokenId } as const;
        return ca.issue({
          ...wantedOf(request, spiffeId),
          proof,
          alongside: { ...redemption, compares },
        });
      });
    }
    const { spiffeId, certificate } = await requireProofOrExpired(caller, {
      trustDomain: ca.trustDomain,
      view,
      roots: callerRootsOf(ca.current()),
      nowMs: clock.epochMs(),
      renewAfterExpiryMs,
      ca,
    });
    limits.issue({ spiffeId: spiffeId.uri });
    requireRenewable(spiffeId, wantedIdentity(request, ca.trustDomain));
    // What is proven so far is proven without the store; an expired certificate is not, and those of the mesh itself wait.
    const canWait = caller.kind !== 'workload' || spiffeId.namespace === SYSTEM_NAMESPACE;
    const renewAnyway = (): Promise<Issued> =>
      withoutStore.renew({ ...wantedOf(request, spiffeId), certificate });
    if (!canWait && withoutStore.isNeeded()) return renewAnyway();
    try {
      return await renew(request, { spiffeId, certificate }, address);
    } catch (error) {
      if (canWait || !withoutStore.isNeeded(error)) throw error;
      return renewAnyway();
    }
  };

  const renew = async (
    request: IssueRequest,
    { spiffeId, certificate }: ProvenCaller,
    address: string,
  ): Promise<Issued> => {
    const inLog = await ca.issuanceOf(certificate, spiffeId);
    const of = inLog ?? withoutStore.find(certificate);
    if (of === undefined) warnOfUnlogged(spiffeId, certificate);
    const next = wantedOf(request, spiffeId);
    if (spiffeId.namespace === SYSTEM_NAMESPACE) {
      const bound = { certificate, issuance: of, renewalMs: operatorRenewalMs };
      const mostMs = operatorLifetimeMs({ ...bound, nowMs: clock.epochMs() });
      next.lifetimeMs = Math.min(next.lifetimeMs, mostMs);
      operatorUses.used(serialOf(certificate), { address, call: 'Identity.Issue' });
    }
    const proof = { kind: 'renewal', from: serialOf(certificate), of } as const;
    for (let tries = 0; tries < MAX_TRIES; tries += 1) {
      const { tokenId } = of ?? {};
      const compares = await revocations.admit({ spiffeId, certificate, tokenId });
      const alongside = { compares, operations: [] };
      const issued = await ca.issue({ ...next, proof, alongside });
      if (issued !== undefined) return issued;
    }
    throw new RequestError('unavailable', 'the revocations of this identity keep changing', {
      hint: 'try again',
    });

    /** From between a backup and its restore; or an authority of the operator's own has signed it. */
    function warnOfUnlogged({ uri }: SpiffeId, unknown: X509Certificate): void {
      if (!mayLog()) return;
      const serial = serialOf(unknown);
      logger.warn(
        { event: 'renewal-not-in-log', serial, spiffeId: uri },
        `${uri} renews the certificate ${serial}, which is not in the issuance log`,
      );
    }
  };

  return (call, callback) => {
    const endTimer = metrics.issueSeconds.startTimer();
    guard.run('api', async () => {
      let claimed = '';
      try {
        const caller = callerOf(call, clock.epochMs());
        const { request } = call;
        claimed = request.spiffeId.slice(0, MAX_LOGGED);
        const { leaf, issuers, bundle, issuance } = await issue(request, caller, peerAddress(call));
        metrics.certificatesIssued.inc({ proof: issuance.proof });
        const { serial, spiffeId, notAfterMs, proof, tokenId } = issuance;
        logger.info(
          { event: 'certificate-issued', serial, spiffeId, notAfterMs, proof, tokenId },
          `issued a certificate to ${spiffeId}`,
        );
        callback(null, {
          chain: [leaf, ...issuers.map(({ raw }) => raw)],
          bundle: toBundleMessage(bundle),
          serverTimeMs: issuance.issuedMs,
        });
      } catch (thrown) {
        const { reason, error } = toRefusal(thrown, clock.epochMs());
        metrics.issueRefused.inc({ reason });
        const line = { event: 'issue-refused', reason, client: call.getPeer(), spiffeId: claimed };
        if (reason === 'internal') logger.error({ ...line, err: thrown }, 'issuing failed');
        else if (mayLog()) logger.warn(line, `refused a certificate: ${error.message}`);
        callback(error);
        refusedCalls.refused(call, reason);
      } finally {
        endTimer();
      }
    });
  };
}

const WRONG: ReadonlySet<string> = new Set(['token-unknown', 'token-wrong-root']);

/** Each try means that an operator revoked or readmitted this very caller in between. */
const MAX_TRIES = 8;

/** What a caller claims is of any length and content; the log takes this much of it. */
const MAX_LOGGED = 256;

function wantedIdentity({ spiffeId }: IssueRequest, trustDomain: string): SpiffeId {
  const id = parseSpiffeId(spiffeId);
  if (id.trustDomain === trustDomain) return id;
  const sentence = `this control plane issues for ${trustDomain}, not for ${id.trustDomain}`;
  const hint = `start the sidecar with --trust-domain ${trustDomain}`;
  throw new RequestError('wrong-trust-domain', sentence, { hint });
}

function wantedLifetimeMs({ lifetimeSeconds }: IssueRequest, defaultMs: number): number {
  if (lifetimeSeconds === 0) return defaultMs;
  const lifetimeMs = lifetimeSeconds * 1000;
  if (lifetimeMs >= MIN_LEAF_LIFETIME_MS && lifetimeMs <= MAX_LEAF_LIFETIME_MS) return lifetimeMs;
  const [least, most] = [MIN_LEAF_LIFETIME_MS / 1000, MAX_LEAF_LIFETIME_MS / 1000];
  const sentence = `a certificate lives for ${least} to ${most} seconds, not ${lifetimeSeconds}`;
  throw new RequestError('lifetime-out-of-range', sentence);
}

function requireRenewable(current: SpiffeId, wanted: SpiffeId): void {
  if (current.uri !== wanted.uri) {
    const sentence = `a certificate of ${current.uri} cannot be renewed for ${wanted.uri}`;
    const hint = 'enrol with a join token for the other identity';
    throw new RequestError('identity-mismatch', sentence, { hint });
  }
  // The control plane's own certificate is made in its process and renewed there.
  if (current.namespace === SYSTEM_NAMESPACE && current.service !== 'admin') {
    throw new RequestError('identity-mismatch', `${current.uri} is not renewed by this call`);
  }
}
