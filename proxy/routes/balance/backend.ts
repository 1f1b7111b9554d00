import type { MonotonicClock } from '../../../common/clock.ts';
import { leastLoadedOfTwo } from '../../../common/network/least-loaded.ts';
import { TokenBucket } from '../../../common/rate-limit.ts';
import type { BackendPolicy, RateLimit } from '../../../common/routes/backend-policy.ts';
import {
  formatServicePort,
  type ServicePort,
  type SessionPersistence,
} from '../../../common/routes/route.ts';
import { servesPort, type Endpoint } from '../../../common/wire/endpoint.ts';
import type { RequestHead } from '../../http/message.ts';
import type { Upstream } from '../../http/upstream/upstream.ts';
import { RetryBudget } from '../retry/retry-budget.ts';
import { BackendEndpoint, type SpokenVersion } from './backend-endpoint.ts';
import { isTokenOf } from './session.ts';
import { OutlierDetector, type OutlierState } from './outlier-detection.ts';

/** What a backend needs. */
export interface BackendDependencies {
  /** The endpoints of its service. */
  readonly endpointsOf: (namespace: string, service: string) => readonly Endpoint[];
  /** False while connections to an instance fail. */
  readonly isHealthy: (instanceId: string) => boolean;
  /** The connections to one endpoint. */
  readonly createUpstream: (
    endpoint: () => Endpoint,
    port: number,
    version: SpokenVersion,
  ) => Upstream;
  /** Is told of each endpoint that requests may be given to from now on. */
  readonly onEndpoint: (endpoint: Endpoint) => void;
  readonly clock: Pick<MonotonicClock, 'monotonicMs'>;
  /** A number in [0, 1). */
  readonly random: () => number;
}

/** A port of a service that routes lead to, with all that a sidecar knows of it. It outlives changes of routes and policies. */
export class Backend {
  readonly target: ServicePort;
  /** `SERVICE.NAMESPACE:PORT` */
  readonly name: string;
  /** Requests that are under way, at all of its endpoints. */
  active = 0;
  /** Copies that are under way to it, as a mirror. */
  copies = 0;
  policy: BackendPolicy;
  retryBudget: RetryBudget;
  readonly detector: OutlierDetector;
  readonly #dependencies: BackendDependencies;
  #endpoints: readonly BackendEndpoint[] = [];
  /** What they were made from; the view replaces it with each change. */
  #known: readonly Endpoint[] | undefined;
  #rate: TokenBucket | undefined;
  #turn = 0;

  constructor(target: ServicePort, policy: BackendPolicy, dependencies: BackendDependencies) {
    const { clock, random } = dependencies;
    this.target = target;
    this.name = formatServicePort(target);
    this.policy = policy;
    this.#dependencies = dependencies;
    this.retryBudget = new RetryBudget(policy.retryConstraint, clock);
    this.detector = new OutlierDetector(policy.outlierDetection, { clock, random });
    this.#rate = this.#bucket(policy.rateLimit);
    this.refresh();
  }

  get endpoints(): readonly BackendEndpoint[] {
    return this.#endpoints;
  }

  /** Another policy is in force: only what is different in it begins again. */
  setPolicy(policy: BackendPolicy): void {
    const before = this.policy;
    this.policy = policy;
    this.detector.settings = policy.outlierDetection;
    if (!isSame(before.retryConstraint, policy.retryConstraint)) {
      this.retryBudget = new RetryBudget(policy.retryConstraint, this.#dependencies.clock);
    }
    if (!isSame(before.rateLimit, policy.rateLimit)) this.#rate = this.#bucket(policy.rateLimit);
  }

  /** Follows the view. Endpoints that have gone take nothing new, and finish what they have. */
  refresh(): void {
    const { namespace, service, port } = this.target;
    const { endpointsOf, createUpstream, onEndpoint } = this.#dependencies;
    const known = endpointsOf(namespace, service);
    if (known === this.#known) return;
    this.#known = known;
    const before = new Map(this.#endpoints.map((one) => [one.endpoint.instanceId, one]));
    this.#endpoints = known
      .filter((endpoint) => servesPort(endpoint, port))
      .map((endpoint) => {
        const existing = before.get(endpoint.instanceId);
        before.delete(endpoint.instanceId);
        if (existing === undefined) {
          const created: BackendEndpoint = new BackendEndpoint(endpoint, (version) =>
            createUpstream(() => created.endpoint, port, version),
          );
          onEndpoint(endpoint);
          return created;
        }
        existing.endpoint = endpoint;
        return existing;
      });
    for (const gone of before.values()) gone.drain();
  }

  /**
   * Picks an endpoint for a try: one that answers, before one that was put aside, and one that was not tried yet, before another;
   * one that may have recovered beats a certain failure.
   *
   * @returns undefined when there are none
   */
  choose(tried: ReadonlySet<BackendEndpoint> | undefined): BackendEndpoint | undefined {
    const all = this.#endpoints;
    const untried = tried === undefined ? all : all.filter((one) => !tried.has(one));
    const usable = untried.filter((one) => this.isUsable(one));
    for (const candidates of [usable, untried, all]) {
      if (candidates.length > 0) return this.#pick(candidates);
    }
    return undefined;
  }

  /** False while it is put aside, since connections or requests to it fail. */
  isUsable({ endpoint, outlier }: BackendEndpoint): boolean {
    return this.detector.isIn(outlier) && this.#dependencies.isHealthy(endpoint.instanceId);
  }

  /** What is spoken there: what its policy says, or otherwise what the client speaks. */
  versionFor({ version }: Pick<RequestHead, 'version'>): SpokenVersion {
    const { appProtocol } = this.policy;
    const isHttp2 = appProtocol === undefined ? version === '2' : appProtocol === 'h2c';
    return isHttp2 ? 'http2' : 'http1';
  }

  /** The endpoint that a session's token names, if it is there. */
  withToken(settings: SessionPersistence, token: string): BackendEndpoint | undefined {
    return this.#endpoints.find((one) => isTokenOf(one.tokenIn(settings), token));
  }

  /** An answer has come that does not count as a failure of the endpoint. */
  succeeded(endpoint: BackendEndpoint): void {
    this.detector.succeeded(endpoint.outlier);
  }

  /** It failed; @returns true when that put it aside */
  failed(endpoint: BackendEndpoint): boolean {
    return this.detector.failed(endpoint.outlier, this.#outliers());
  }

  /** How many are put aside by failed requests. */
  get ejected(): number {
    return this.#endpoints.filter(({ outlier }) => !this.detector.isIn(outlier)).length;
  }

  /** How long a request has to wait by the rate limit; 0 when it may go now, which is counted. */
  admitMs(): number {
    if (this.#rate === undefined || this.#rate.take()) return 0;
    return this.#rate.retryAfterMs;
  }

  /** True when a limit of requests is reached. */
  get isFull(): boolean {
    const { maxParallelRequests, maxPendingRequests } = this.policy.circuitBreaker;
    if (this.active >= maxParallelRequests) return true;
    let waiting = 0;
    for (const endpoint of this.#endpoints) waiting += endpoint.waiting;
    return waiting > 0 && waiting >= maxPendingRequests;
  }

  /** True when nothing is under way, copies for a mirror included. */
  get isIdle(): boolean {
    return this.active === 0 && this.copies === 0;
  }

  /** Ends all connections at once. */
  close(): void {
    for (const endpoint of this.#endpoints) endpoint.close();
  }

  #pick(candidates: readonly BackendEndpoint[]): BackendEndpoint | undefined {
    const { random } = this.#dependencies;
    switch (this.policy.loadBalancer) {
      case 'LeastRequest':
        return leastLoadedOfTwo(candidates, ({ active }) => active, random);
      case 'Random':
        return candidates[Math.floor(random() * candidates.length)];
      case 'RoundRobin':
        this.#turn += 1;
        return candidates[this.#turn % candidates.length];
    }
  }

  *#outliers(): Iterable<OutlierState> {
    for (const { outlier } of this.#endpoints) yield outlier;
  }

  #bucket(limit: RateLimit | undefined): TokenBucket | undefined {
    if (limit === undefined) return undefined;
    const { requests, intervalMs } = limit;
    const rate = { burst: requests, perSecond: (requests / intervalMs) * 1000 };
    return new TokenBucket(this.#dependencies.clock, rate);
  }
}

function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
