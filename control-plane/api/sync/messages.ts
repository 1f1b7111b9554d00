import type { EpochMs } from '../../../common/clock.ts';
import { toBundleMessage } from '../../../common/wire/bundle.ts';
import { toEndpointMessage } from '../../../common/wire/endpoint.ts';
import { toPolicyMessage } from '../../../common/wire/policy.ts';
import { SyncResponse, type Delta } from '../../../proto/gen/hauberk/v1/discovery.ts';
import type { MeshDelta, MeshSnapshot } from '../../registry/mesh-view.ts';

/** The whole view, in the bytes that travel. */
export function encodeSnapshot({ version, endpoints, ...topics }: MeshSnapshot): Buffer {
  const value = { endpoints: endpoints.map(toEndpointMessage), ...encodeTopics(topics) };
  return encode({ version, change: { $case: 'snapshot', value } });
}

/** What changed, in the bytes that travel. */
export function encodeDelta({ version, upserted, removed, ...topics }: MeshDelta): Buffer {
  const value = { upserted: upserted.map(toEndpointMessage), removed, ...encodeTopics(topics) };
  return encode({ version, change: { $case: 'delta', value } });
}

/** What the clock says, in the bytes that travel. */
export function encodeServerTime(epochMs: EpochMs): Buffer {
  return encode({ version: 0, change: { $case: 'serverTime', value: { epochMs } } });
}

function encode(response: SyncResponse): Buffer {
  return Buffer.from(SyncResponse.encode(response).finish());
}

function encodeTopics({
  bundle,
  federated,
  revocations,
  policy,
}: Omit<MeshDelta, 'version' | 'upserted' | 'removed'>): Omit<Delta, 'upserted' | 'removed'> {
  return {
    bundle: bundle && toBundleMessage(bundle),
    federated: federated && {
      bundles: federated.map(({ trustDomain, sequence = 0, roots }) =>
        toBundleMessage({ trustDomain, version: sequence, roots }),
      ),
    },
    revocations: revocations && { revocations: revocations.all },
    policy: policy && toPolicyMessage(policy),
  };
}
