import {
  authorize,
  type Decision,
  type Policies,
  requestAuthorizer,
} from '../../common/authorization/authorize.ts';
import type { HttpRequest } from '../../common/authorization/request-condition.ts';
import type { SpiffeId } from '../../common/pki/spiffe-id.ts';

/** A caller of this sidecar. */
export interface InboundRequest {
  readonly source: SpiffeId;
  readonly destination: SpiffeId;
  readonly port: number;
}

/** Far more than a service has callers; a peer that tries every port cannot make us keep more. */
const MAX_CACHED = 10_000;

/** What is decided about a caller at a port. */
interface Known {
  readonly decision: Decision;
  /** Made for the first of its requests that is decided about. */
  decideRequest: ReturnType<typeof requestAuthorizer> | undefined;
}

/**
 * Decides as `authorize`, and remembers it for as long as the same policies are in force. A change of long
 * policies is a decision about thousands of connections at once, most of which are of a few callers.
 */
export class DecisionCache {
  readonly #cached = new Map<string, Known>();
  #decidedBy: Policies | undefined;

  decide(request: InboundRequest, policies: Policies): Decision {
    return this.#about(request, policies).decision;
  }

  /**
   * Decides about one request as `requestAuthorizer`, with rules that were found once for the caller.
   *
   * @param http undefined where the connection carries no HTTP
   */
  decideRequest(
    request: InboundRequest,
    http: HttpRequest | undefined,
    policies: Policies,
  ): Decision {
    const known = this.#about(request, policies);
    known.decideRequest ??= requestAuthorizer(request, policies);
    return known.decideRequest(http);
  }

  #about(request: InboundRequest, policies: Policies): Known {
    if (policies !== this.#decidedBy || this.#cached.size >= MAX_CACHED) this.#cached.clear();
    this.#decidedBy = policies;
    const { source, destination, port } = request;
    // No SPIFFE ID has a space in it.
    const key = `${port} ${source.uri} ${destination.uri}`;
    let known = this.#cached.get(key);
    if (known === undefined) {
      known = { decision: authorize(request, policies), decideRequest: undefined };
      this.#cached.set(key, known);
    }
    return known;
  }
}
