import { authorize, type Decision, type Policies } from '../../common/authorization/authorize.ts';
import type { SpiffeId } from '../../common/pki/spiffe-id.ts';

/** A caller of this sidecar. */
export interface InboundRequest {
  readonly source: SpiffeId;
  readonly destination: SpiffeId;
  readonly port: number;
}

/** Far more than a service has callers; a peer that tries every port cannot make us keep more. */
const MAX_CACHED = 10_000;

/**
 * Decides as `authorize`, and remembers it for as long as the same policies are in force. A change of long
 * policies is a decision about thousands of connections at once, most of which are of a few callers.
 */
export class DecisionCache {
  readonly #cached = new Map<string, Decision>();
  #decidedBy: Policies | undefined;

  decide({ source, destination, port }: InboundRequest, policies: Policies): Decision {
    if (policies !== this.#decidedBy || this.#cached.size >= MAX_CACHED) this.#cached.clear();
    this.#decidedBy = policies;
    // No SPIFFE ID has a space in it.
    const key = `${port} ${source.uri} ${destination.uri}`;
    const known = this.#cached.get(key);
    if (known !== undefined) return known;
    const decision = authorize({ source, destination, port }, policies);
    this.#cached.set(key, decision);
    return decision;
  }
}
