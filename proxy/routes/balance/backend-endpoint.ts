import type { SessionPersistence } from '../../../common/routes/route.ts';
import type { Endpoint } from '../../../common/wire/endpoint.ts';
import type { Upstream } from '../../http/upstream/upstream.ts';
import { endpointToken } from './session.ts';
import { newOutlierState, type OutlierState } from './outlier-detection.ts';

/** The versions of HTTP that an endpoint can be spoken to in. */
export type SpokenVersion = 'http1' | 'http2';

/** One endpoint of a backend: what is under way there, how it does, and the connections to it. */
export class BackendEndpoint {
  /** As the view has it now. */
  endpoint: Endpoint;
  readonly outlier: OutlierState = newOutlierState();
  /** Requests that are under way there. */
  active = 0;
  readonly #createUpstream: (version: SpokenVersion) => Upstream;
  /** How sessions call it, by the name of the session. */
  readonly #tokens = new Map<string, string>();
  readonly #upstreams = new Map<SpokenVersion, Upstream>();

  constructor(endpoint: Endpoint, createUpstream: (version: SpokenVersion) => Upstream) {
    this.endpoint = endpoint;
    this.#createUpstream = createUpstream;
  }

  /** The connections in which a version is spoken. */
  upstream(version: SpokenVersion): Upstream {
    let upstream = this.#upstreams.get(version);
    if (upstream === undefined) {
      upstream = this.#createUpstream(version);
      this.#upstreams.set(version, upstream);
    }
    return upstream;
  }

  /** How a session calls it. */
  tokenIn(settings: Pick<SessionPersistence, 'sessionName'>): string {
    const { sessionName } = settings;
    let token = this.#tokens.get(sessionName);
    if (token === undefined) {
      token = endpointToken(settings, this.endpoint.instanceId);
      this.#tokens.set(sessionName, token);
    }
    return token;
  }

  /** Requests that wait for a connection. */
  get waiting(): number {
    let sum = 0;
    for (const upstream of this.#upstreams.values()) sum += upstream.waiting;
    return sum;
  }

  /** Keeps no connection that carries nothing; the others end with what they carry. */
  drain(): void {
    for (const upstream of this.#upstreams.values()) upstream.drain();
  }

  /** Ends all connections at once. */
  close(): void {
    for (const upstream of this.#upstreams.values()) upstream.close();
  }
}
