import type { X509Certificate } from 'node:crypto';
import type { Clock, MonotonicMs } from '../../common/clock.ts';
import { formatHostPort } from '../../common/network/listen.ts';
import { rootDigest } from '../../common/pki/join-token/root-digest.ts';
import { peerRootsOf } from '../../common/pki/trust-bundle.ts';
import { SOFTWARE_VERSION } from '../../common/process/version.ts';
import { toEndpointMessage } from '../../common/wire/endpoint.ts';
import { toInterestMessage } from '../../common/wire/interest.ts';
import { toPolicyMessage } from '../../common/wire/policy.ts';
import { fitState, withoutValues } from '../../common/wire/sidecar-state.ts';
import type { LocalAllowance, SidecarState } from '../../proto/gen/hauberk/v1/discovery.ts';
import type {
  CertificateState,
  LimitState,
  ListenerState,
  RootState,
  TunnelState,
  ViewState,
} from '../../proto/gen/hauberk/v1/question.ts';
import type { ProxyConfig } from '../config/sidecar.ts';
import type { MeshView } from '../discovery/mesh-view.ts';
import { remainingMs } from '../identity/renewal/schedule.ts';
import type { IdentitySource } from '../identity/source.ts';
import type { PolicySource } from '../policy/policy-source.ts';

/** What the processes that carry connections say of themselves. */
export interface CarrierState {
  readonly listeners: readonly ListenerState[];
  readonly tunnels: readonly TunnelState[];
  readonly limits: readonly LimitState[];
}

/** What a state is put together from. */
export interface SidecarStateOptions {
  readonly config: Pick<ProxyConfig, 'expose' | 'transparent' | 'workers'>;
  readonly allow: readonly LocalAllowance[];
  readonly identity: IdentitySource;
  readonly view: MeshView;
  readonly policies: Pick<PolicySource, 'mesh'>;
  readonly carrier: () => CarrierState | Promise<CarrierState>;
  readonly clock: Clock;
  readonly startedMs: MonotonicMs;
}

/** What this sidecar believes at this moment, within the size of a message and without a secret in it. */
export async function sidecarState(options: SidecarStateOptions): Promise<SidecarState> {
  const { config, allow, view, policies, clock, startedMs } = options;
  const { listeners, tunnels, limits } = await options.carrier();
  return fitState({
    atMs: clock.epochMs(),
    softwareVersion: SOFTWARE_VERSION,
    runningMs: Math.round(clock.monotonicMs() - startedMs),
    workers: config.workers,
    view: viewState(view),
    certificate: certificateState(options.identity, clock),
    listeners,
    exposed: config.expose.map(({ port, target }) => ({
      port,
      target: formatHostPort(target.host, target.port),
    })),
    anyPort: config.transparent,
    allow,
    endpoints: view.endpoints().map(toEndpointMessage),
    tunnels,
    limits,
    policy: policies.mesh && withoutValues(toPolicyMessage(policies.mesh)),
    omitted: [],
  });
}

/** What several processes say, as if they were one: each listens on the same ports. */
export function joinCarriers(all: readonly CarrierState[]): CarrierState {
  const listeners = new Map<string, ListenerState>();
  for (const one of all.flatMap((carrier) => carrier.listeners)) {
    listeners.set(`${one.kind} ${one.address} ${one.port}`, one);
  }
  const limits = new Map<string, LimitState>();
  for (const one of all.flatMap((carrier) => carrier.limits)) {
    const { used = 0, capacity = 0 } = limits.get(one.name) ?? {};
    limits.set(one.name, {
      ...one,
      used: used + one.used,
      capacity: capacity + one.capacity,
    });
  }
  return {
    listeners: [...listeners.values()],
    tunnels: all.flatMap(({ tunnels }) => tunnels),
    limits: [...limits.values()],
  };
}

function viewState(view: MeshView): ViewState {
  const { version, complete } = view;
  const interest = toInterestMessage(complete ?? []);
  const everything = complete === undefined;
  return { version, endpoints: view.endpoints().length, everything, ...interest };
}

function certificateState(source: IdentitySource, clock: Clock): CertificateState {
  const identity = source.current();
  const { spiffeId, chain, bundle } = identity;
  const [leaf] = chain;
  const rootsOf = (trustDomain: string, roots: readonly X509Certificate[]): RootState[] =>
    roots.map((root) => ({
      trustDomain,
      digest: rootDigest(root),
      notAfterMs: root.validToDate.getTime(),
    }));
  return {
    spiffeId: spiffeId.uri,
    serial: leaf.serialNumber.toLowerCase(),
    notBeforeMs: leaf.validFromDate.getTime(),
    notAfterMs: leaf.validToDate.getTime(),
    remainingMs: Math.round(remainingMs(identity, clock)),
    bundleVersion: bundle.version,
    roots: [
      ...rootsOf(bundle.trustDomain, peerRootsOf(bundle)),
      ...[...(bundle.federated ?? [])].flatMap(([domain, roots]) => rootsOf(domain, roots)),
    ],
    revocations: bundle.revocations?.all.length ?? 0,
  };
}
