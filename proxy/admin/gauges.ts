import { toInterestMessage } from '../../common/wire/interest.ts';
import type { InterestSource } from '../discovery/interest/interest.ts';
import type { MeshView } from '../discovery/mesh-view.ts';
import type { SkewWatch } from '../identity/skew.ts';
import type { WorkloadIdentity } from '../identity/source.ts';
import type { CertificateGauge, ViewGauge } from '../metrics/proxy-metrics.ts';

/** The certificate in use, as the gauges show it. */
export function certificateGauge(
  identity: WorkloadIdentity,
  { skewMs }: Pick<SkewWatch, 'skewMs'>,
): CertificateGauge {
  return {
    notBeforeMs: identity.chain[0].validFromDate.getTime(),
    notAfterMs: identity.chain[0].validToDate.getTime(),
    bundleVersion: identity.bundle.version,
    skewMs: skewMs(),
  };
}

/** The view in use, as the gauges show it: each part is made when it is asked for. */
export function viewGauge(view: MeshView, { wanted }: Pick<InterestSource, 'wanted'>): ViewGauge {
  return {
    version: view.version,
    get endpoints() {
      const endpoints = new Map<string, number>();
      for (const { spiffeId } of view.endpoints()) {
        const name = `${spiffeId.service}.${spiffeId.namespace}`;
        endpoints.set(name, (endpoints.get(name) ?? 0) + 1);
      }
      return endpoints;
    },
    get interest() {
      const { services, namespaces, addresses } = toInterestMessage(wanted ?? []);
      return new Map([
        ['service', services.length],
        ['namespace', namespaces.length],
        ['address', addresses.length],
      ]);
    },
  };
}
