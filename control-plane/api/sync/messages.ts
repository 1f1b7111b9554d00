import type { RevocationList } from '../../../common/pki/revocation.ts';
import { toBundleMessage } from '../../../common/rpc/bundle-message.ts';
import { toPolicyMessage } from '../../../common/rpc/policy-message.ts';
import {
  SyncResponse,
  type Endpoint as EndpointMessage,
  type FederatedBundles as FederatedMessage,
  type Revocations as RevocationsMessage,
} from '../../../proto/gen/hauberk/v1/discovery.ts';
import type { FederatedBundle } from '../../federation/federation-record.ts';
import type { MeshEndpoint } from '../../registry/mesh-endpoint.ts';
import type { MeshDelta, MeshSnapshot } from '../../registry/mesh-view.ts';

/** The whole view, in the bytes that travel. */
export function encodeSnapshot(snapshot: MeshSnapshot): Buffer {
  const { version, endpoints, bundle, federated, revocations, policy } = snapshot;
  return encode({
    version,
    change: {
      $case: 'snapshot',
      value: {
        endpoints: endpoints.map(toEndpointMessage),
        bundle: toBundleMessage(bundle),
        federated: toFederatedMessage(federated),
        revocations: toRevocationsMessage(revocations),
        policy: toPolicyMessage(policy),
      },
    },
  });
}

/** What changed, in the bytes that travel. */
export function encodeDelta(delta: MeshDelta): Buffer {
  const { version, upserted, removed, bundle, federated, revocations, policy } = delta;
  return encode({
    version,
    change: {
      $case: 'delta',
      value: {
        upserted: upserted.map(toEndpointMessage),
        removed: [...removed],
        bundle: bundle === undefined ? undefined : toBundleMessage(bundle),
        federated: federated === undefined ? undefined : toFederatedMessage(federated),
        revocations: revocations === undefined ? undefined : toRevocationsMessage(revocations),
        policy: policy === undefined ? undefined : toPolicyMessage(policy),
      },
    },
  });
}

function encode(response: SyncResponse): Buffer {
  return Buffer.from(SyncResponse.encode(response).finish());
}

function toFederatedMessage(bundles: readonly FederatedBundle[]): FederatedMessage {
  return {
    bundles: bundles.map(({ trustDomain, sequence = 0, roots }) =>
      toBundleMessage({ trustDomain, version: sequence, roots }),
    ),
  };
}

function toRevocationsMessage({ all }: RevocationList): RevocationsMessage {
  return {
    revocations: all.map(({ spiffeId, serial = '', notBeforeMs = 0, expiresMs }) => ({
      spiffeId,
      serial,
      notBeforeMs,
      expiresMs,
    })),
  };
}

function toEndpointMessage(endpoint: MeshEndpoint): EndpointMessage {
  const { instanceId, spiffeId, hbonePort, ports, anyPort, contests } = endpoint;
  const contested = new Set(contests.map(({ address }) => address));
  return {
    instanceId,
    spiffeId,
    // A sidecar that knows of no contests takes all ports of these for the endpoint's.
    addresses: endpoint.proven.filter((address) => !contested.has(address)),
    hbonePort,
    ports: [...ports],
    anyPort,
    allAddresses: [...endpoint.addresses],
    contests,
  };
}
