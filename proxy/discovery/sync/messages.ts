import type { EpochMs } from '../../../common/clock.ts';
import type { Logger } from 'pino';
import { describeError } from '../../../common/errors.ts';
import type { Revocation } from '../../../common/pki/revocation.ts';
import type {
  Endpoint as EndpointMessage,
  Policy as PolicyMessage,
  Revocation as RevocationMessage,
  SyncRequest,
  SyncResponse,
} from '../../../proto/gen/hauberk/v1/discovery.ts';
import type { TrustBundle as BundleMessage } from '../../../proto/gen/hauberk/v1/identity.ts';
import { readFederated, type RootsByDomain } from '../federation.ts';
import { readEndpoint, type Endpoint } from '../../../common/wire/endpoint.ts';
import { QUESTION_LEVEL } from '../../../common/wire/sidecar-state.ts';
import { toScopes } from '../../../common/wire/interest.ts';
import type { ViewUpdate } from '../mutable-view.ts';
import type { Conversation } from './conversation.ts';
import type { AdvertisedAddresses, SyncClientSettings } from './settings.ts';

/** Of one that knows nothing, and is to be told everything. */
export const FROM_NOTHING: Conversation['start'] = {
  interest: undefined,
  interestVersion: 0,
  resumeVersion: 0,
};

/** The first message of a stream. */
export function helloMessage(
  sidecar: Pick<
    SyncClientSettings,
    'instanceId' | 'softwareVersion' | 'allow' | 'metrics' | 'role'
  >,
  { addresses, hbonePort, ports, anyPort }: AdvertisedAddresses,
  start: Conversation['start'],
): SyncRequest {
  const { instanceId, softwareVersion, metrics, role = '' } = sidecar;
  const localAllow = { allowances: sidecar.allow };
  const place = { addresses, hbonePort, ports, anyPort };
  return {
    message: {
      $case: 'hello',
      value: {
        instanceId,
        softwareVersion,
        questionLevel: QUESTION_LEVEL,
        ...place,
        localAllow,
        metrics,
        role,
        ...start,
      },
    },
  };
}

/** Says which view and which roots are in use. */
export function acknowledgementMessage(version: number, bundleVersion: number): SyncRequest {
  return { message: { $case: 'acknowledgement', value: { version, bundleVersion } } };
}

/** Withdraws the endpoint of this sidecar. */
export const GOODBYE: SyncRequest = { message: { $case: 'goodbye', value: {} } };

/** What a response says, as far as it can be understood. */
export interface SyncUpdate {
  readonly view: ViewUpdate;
  readonly bundle: BundleMessage | undefined;
  readonly policy: PolicyMessage | undefined;
  /** Other trust domains, when that is news. */
  readonly federated: RootsByDomain | undefined;
  /** What was revoked, as far as it is news. */
  readonly revocations: readonly Revocation[];
}

/**
 * Reads a response. An endpoint that makes no sense is left out with a log line: it must not keep
 * the others from being used. `undefined` when this version does not know the kind of change.
 */
export function readResponse(
  { change, version }: SyncResponse,
  { logger, trustDomain }: { readonly logger: Logger; readonly trustDomain: string },
): SyncUpdate | undefined {
  const read = (messages: readonly EndpointMessage[]): Endpoint[] =>
    messages.flatMap((message) => {
      try {
        return [readEndpoint(message, trustDomain)];
      } catch (error) {
        logger.warn(
          { event: 'endpoint-skipped', instanceId: message.instanceId.slice(0, 128) },
          `an endpoint from the control plane is not used: ${describeError(error)}`,
        );
        return [];
      }
    });
  if (change?.$case !== 'snapshot' && change?.$case !== 'delta') return undefined;
  const { bundle, policy, federated, revocations, departed } = change.value;
  const complete = change.value.complete && toScopes(change.value.complete);
  const about = { version, complete, departed };
  return {
    view:
      change.$case === 'snapshot'
        ? { kind: 'snapshot', ...about, endpoints: read(change.value.endpoints) }
        : {
            kind: 'delta',
            ...about,
            upserted: read(change.value.upserted),
            removed: change.value.removed,
          },
    bundle,
    policy,
    federated: federated && readFederated(federated, { logger, trustDomain }),
    revocations: (revocations?.revocations ?? []).map(readRevocation),
  };
}

/** Absent and empty are the same: the whole identity, all of its certificates. */
function readRevocation({ serial, notBeforeMs, ...revocation }: RevocationMessage): Revocation {
  return {
    ...revocation,
    serial: serial || undefined,
    notBeforeMs: (notBeforeMs || undefined) as EpochMs | undefined,
    expiresMs: revocation.expiresMs as EpochMs,
  };
}
