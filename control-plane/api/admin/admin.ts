import { parseSpiffeId, spiffeId as toSpiffeId } from '../../../common/pki/spiffe-id.ts';
import type { Workload } from '../../../proto/gen/hauberk/v1/admin.ts';
import type { CertificateAuthority } from '../../ca/certificate-authority.ts';
import type { IssuanceLog } from '../../ca/issuance/log.ts';
import { type OperatorUses, listOperators } from '../../operators/operator-uses.ts';
import type { AddressStatus } from '../../registry/addresses/address-book.ts';
import type { KnownSidecar } from '../../registry/known-sidecars.ts';
import type { MeshView } from '../../registry/mesh-view.ts';
import { listKnownIdentities } from '../../registry/known-identities.ts';
import type { Registry } from '../../registry/registry.ts';
import type { TrafficSource } from '../../traffic/traffic.ts';
import type { ControlPlaneMetrics } from '../../metrics.ts';
import type { SyncLag } from '../sync/lag.ts';
import { createAuthorityHandlers, type AuthorityHandlersOptions } from './authority.ts';
import { createBundleHandlers, toFederatedDomain, type BundleHandlersOptions } from './bundle.ts';
import { listControlPlanes, type ControlPlanesQuestion } from './control-planes.ts';
import { createDashboardHandlers, type DashboardHandlersOptions } from './dashboard.ts';
import { createMeshConfigHandlers, type MeshConfigHandlersOptions } from './mesh-config.ts';
import type { OperatorStreams } from './operator-streams.ts';
import { createQuestionHandlers, type QuestionHandlersOptions } from './questions.ts';
import { createRevocationHandlers, type RevocationHandlersOptions } from './revocations.ts';
import {
  createForOperators,
  type AdminHandlers,
  type ForOperatorsOptions,
} from './for-operators.ts';

/** What the operators' interface needs. */
export interface AdminHandlersOptions
  extends
    AuthorityHandlersOptions,
    BundleHandlersOptions,
    DashboardHandlersOptions,
    MeshConfigHandlersOptions,
    ControlPlanesQuestion,
    Omit<RevocationHandlersOptions, 'knownIdentities'>,
    QuestionHandlersOptions,
    Omit<ForOperatorsOptions, 'trustDomain'> {
  readonly metrics: Pick<ControlPlaneMetrics, 'callsRefused' | 'issuanceLogFindings'>;
  readonly ca: CertificateAuthority;
  readonly registry: Registry;
  readonly issuanceLog: Pick<IssuanceLog, 'verify'>;
  readonly operatorUses: OperatorUses;
  readonly keysEncrypted: boolean;
  readonly view: Pick<MeshView, 'revocations' | 'endpoints'>;
  readonly traffic: TrafficSource;
  readonly operatorStreams: Pick<OperatorStreams, 'serve'>;
  readonly lag: Pick<SyncLag, 'isBehind'>;
}

/** `Admin`: tokens, sidecars and the issuance log, for operators. */
export function createAdminHandlers(options: AdminHandlersOptions): AdminHandlers {
  const { ca, tokens, registry, issuanceLog, keysEncrypted, view, logger } = options;
  const { traffic, operatorStreams, lag } = options;
  const knownIdentities = (): Promise<readonly string[]> => listKnownIdentities(options);
  const { forOperators, forOperatorsOrSiblings, forCaller } = createForOperators({
    ...options,
    trustDomain: ca.trustDomain,
  });
  const handlers: AdminHandlers = {
    createToken: forOperators(async ({ namespace, service, ttlSeconds, uses }) => {
      const { joinToken, token } = await tokens.create({
        namespace,
        service: service || undefined,
        ttlMs: ttlSeconds * 1000,
        uses: uses || undefined,
      });
      logger.info(
        { event: 'token-created', tokenId: token.id, namespace, service },
        `an operator made the token ${token.id} for ${namespace}/${service || '*'}`,
      );
      return { joinToken, token };
    }),
    listTokens: forOperators(async () => ({ tokens: await tokens.list() })),
    ...createRevocationHandlers({ ...options, knownIdentities }, forOperators),
    listIdentities: forOperators(async () => ({
      spiffeIds: (await knownIdentities()).map((name) => {
        const [namespace = '', service = ''] = name.split('/');
        return toSpiffeId({ trustDomain: ca.trustDomain, namespace, service }).uri;
      }),
    })),
    listWorkloads: forOperators(() => ({
      workloads: registry.list().map((known) => {
        const { instanceId } = known.record;
        return toWorkload(known, view.endpoints.get(instanceId), lag.isBehind(instanceId));
      }),
      nowMs: options.clock.epochMs(),
      keysEncrypted,
      federated: options.federations.list().map(toFederatedDomain),
      controlPlanes: listControlPlanes(options),
    })),
    verifyCertificates: forOperators(async ({ sequence, hash }) => {
      const noted = hash === '' ? undefined : { sequence, hash };
      const { entries, links, head, findings } = await issuanceLog.verify(noted);
      options.metrics.issuanceLogFindings.set(findings.length);
      return {
        entries,
        links,
        headSequence: head.sequence,
        headHash: head.hash,
        findings: [...findings],
      };
    }),
    listCertificates: forOperators(async ({ limit, spiffeId }) => {
      const certificates = await ca.issuances({
        ...(limit ? { limit } : {}),
        ...(spiffeId ? { spiffeId: parseSpiffeId(spiffeId) } : {}),
      });
      return { certificates };
    }),
    listOperators: forOperators(async () => ({
      credentials: await listOperators({ ...options, uses: options.operatorUses }),
    })),
    ...createMeshConfigHandlers(options, forOperators),
    ...createAuthorityHandlers(options, forOperators),
    ...createBundleHandlers(options, forOperators),
    watchTraffic: operatorStreams.serve((request, observer) => traffic.watch(request, observer)),
    tap: operatorStreams.serve((request, observer, by) => traffic.tap(request, observer, by)),
    ...createQuestionHandlers(options, forOperatorsOrSiblings),
    ...createDashboardHandlers(options, forCaller),
  };
  return handlers;
}

const UNPROVEN: AddressStatus = { proven: [], contests: [] };

/** A sidecar with the status of its addresses, when it is an endpoint. */
function toWorkload(
  sidecar: KnownSidecar,
  status: AddressStatus | undefined,
  viewBehind: boolean,
): Workload {
  const { record, report, connected, connectedSinceMs } = sidecar;
  const { allow, ...position } = record;
  const { proven, contests } = status ?? UNPROVEN;
  return {
    ...sidecar,
    ...position,
    ...report,
    connectedSinceMs: connected ? connectedSinceMs : undefined,
    localAllow: allow && { allowances: allow },
    provenAddresses: proven,
    contests,
    viewBehind,
  };
}
