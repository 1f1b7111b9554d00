import type { MonotonicClock } from '../../../common/clock.ts';
import type { Guard } from '../../../common/guard.ts';
import type { MeshPolicy } from '../../../common/authorization/policy.ts';
import type { Closeable } from '../../../common/lifecycle.ts';
import { NO_ROUTES } from '../../../common/routes/backend-policy.ts';
import type { SpiffeId } from '../../../common/pki/spiffe-id.ts';
import { serviceScope, type Scope, type ServiceName } from '../../../common/wire/interest.ts';
import type { MutablePolicySource } from '../../policy/policy-source.ts';
import type { MeshView } from '../mesh-view.ts';
import type { Interest } from './interest.ts';
import { reachableScopes } from './reachable-scopes.ts';
import { routeBackends } from './route-backends.ts';
import { whenComplete } from './when-complete.ts';

/** What follows from the policy of the mesh. */
export interface MeshNeedsOptions {
  readonly self: SpiffeId;
  /** Its application calls by address. */
  readonly transparent: boolean;
  readonly upstreams: readonly ServiceName[];
  readonly policies: MutablePolicySource;
  readonly interest: Interest;
  readonly view: MeshView;
  readonly clock: MonotonicClock;
  readonly guard: Pick<Guard, 'promise'>;
}

/** How long routes wait for the endpoints of their backends: an answer takes milliseconds. */
export const ROUTES_DEADLINE_MS = 1_000;

/**
 * Takes policies of the mesh, says what the sidecar needs to be told of because of them, and puts them in force: what
 * they forbid at once, and their routes as soon as the endpoints are known to which they lead, so that a request is not
 * sent where nothing is known yet.
 */
export class MeshNeeds implements Pick<MutablePolicySource, 'mesh' | 'set'>, Closeable {
  readonly #options: MeshNeedsOptions;
  readonly #upstreams: ReadonlySet<string>;
  readonly #stop: () => void;
  #newest: MeshPolicy | undefined;
  #settled: Promise<unknown> | undefined;

  constructor(options: MeshNeedsOptions) {
    this.#options = options;
    const { interest, self, transparent, upstreams, view } = options;
    this.#upstreams = new Set(upstreams.map(serviceScope));
    interest.set('own-service', [serviceScope(self)]);
    interest.set('upstreams', this.#upstreams);
    this.#name();
    // A service that was met by its address may have routes.
    this.#stop = transparent ? view.onChange(() => this.#name()) : () => {};
  }

  /** The newest that was taken; its version is in force when all of it is. */
  get mesh(): MeshPolicy | undefined {
    return this.#newest;
  }

  /** Resolves when the newest is in force; undefined when it is. */
  get settled(): Promise<unknown> | undefined {
    return this.#settled;
  }

  set(mesh: MeshPolicy): void {
    const { policies, view, clock, guard } = this.#options;
    const before = policies.mesh?.routes;
    this.#newest = mesh;
    this.#name();
    const needed = () => this.#backendsOf(mesh);
    // Without routes of before, requests would be carried as bytes, for as long as their connection lasts.
    const waiting = before && whenComplete(needed, view, clock, ROUTES_DEADLINE_MS);
    if (waiting === undefined) return this.#putInForce(mesh);
    const { configVersion } = policies.mesh ?? mesh;
    policies.set({ ...mesh, configVersion, routes: before ?? NO_ROUTES });
    const settled = waiting.then(() => {
      if (this.#settled === settled) this.#putInForce(mesh);
    });
    this.#settled = settled;
    guard.promise('policy', settled);
  }

  close(): void {
    this.#stop();
  }

  #putInForce(mesh: MeshPolicy): void {
    this.#settled = undefined;
    this.#options.policies.set(mesh);
    this.#name();
  }

  #name(): void {
    const { interest, self, transparent, policies } = this.#options;
    if (transparent) interest.set('reachable', reachableScopes(self, this.#newest?.policy));
    // Requests follow the routes in force until the newest are, and must find their backends.
    const backends = [this.#newest, policies.mesh].flatMap((one) => this.#backendsOf(one));
    if (backends.length + interest.get('routes').size > 0) interest.set('routes', backends);
  }

  #backendsOf(mesh: MeshPolicy | undefined): Scope[] {
    return routeBackends(mesh?.routes ?? NO_ROUTES, (parent) => this.#isCalled(parent));
  }

  #isCalled(parent: ServiceName): boolean {
    if (this.#upstreams.has(serviceScope(parent))) return true;
    const { self, transparent, view } = this.#options;
    if (!transparent) return false;
    const { namespace, service } = parent;
    return namespace === self.namespace || view.endpointsOf(namespace, service).length > 0;
  }
}
