import { toBundleMessage } from '../../common/rpc/bundle-message.ts';
import {
  SyncResponse,
  type Endpoint as EndpointMessage,
} from '../../proto/gen/hauberk/v1/discovery.ts';
import type { MeshDelta, MeshSnapshot } from '../registry/mesh-view.ts';
import type { SidecarRecord } from '../registry/sidecar-record.ts';

/** The whole view, in the bytes that travel. */
export function encodeSnapshot({ version, endpoints, bundle }: MeshSnapshot): Buffer {
  return encode({
    version,
    change: {
      $case: 'snapshot',
      value: { endpoints: endpoints.map(toEndpointMessage), bundle: toBundleMessage(bundle) },
    },
  });
}

/** What changed, in the bytes that travel. */
export function encodeDelta({ version, upserted, removed, bundle }: MeshDelta): Buffer {
  return encode({
    version,
    change: {
      $case: 'delta',
      value: {
        upserted: upserted.map(toEndpointMessage),
        removed: [...removed],
        bundle: bundle === undefined ? undefined : toBundleMessage(bundle),
      },
    },
  });
}

function encode(response: SyncResponse): Buffer {
  return Buffer.from(SyncResponse.encode(response).finish());
}

function toEndpointMessage(record: SidecarRecord): EndpointMessage {
  const { instanceId, spiffeId, addresses, hbonePort, ports, anyPort } = record;
  return {
    instanceId,
    spiffeId,
    addresses: [...addresses],
    hbonePort,
    ports: [...ports],
    anyPort,
  };
}
