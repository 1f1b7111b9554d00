/** Why a claim is accepted. */
export type Proof =
  /** The Sync stream comes from the address. */
  | { readonly ground: 'seen' }
  /** The operator lets the identity be in that network. */
  | { readonly ground: 'allowed' }
  /** The control plane dialled the address and found the identity; of two dials the higher number is the later. */
  | { readonly ground: 'dialled'; readonly dial: number };

/** A workload says that it is at an address. All claims of one decision are about the same address. */
export interface AddressClaim {
  /** Names the claim in the verdict. */
  readonly id: string;
  readonly spiffeId: string;
  readonly hbonePort: number;
  /** The ports that it serves there, or all of them. */
  readonly ports: readonly number[];
  readonly anyPort: boolean;
  /** The claim that was proven first has the lowest; undefined is after all others. */
  readonly turn: number | undefined;
  /** Undefined: nothing but a claim. */
  readonly proof: Proof | undefined;
}

/** Ports that another identity held first. */
export interface Contest {
  /** The SPIFFE ID of who was first, and keeps them. */
  readonly holder: string;
  /** In ascending order; empty: every port. */
  readonly ports: readonly number[];
}

/** What becomes of a claim. */
export type Verdict =
  | { readonly kind: 'unproven' }
  /** It counts, but for the ports that are contested. */
  | { readonly kind: 'proven'; readonly contests: readonly Contest[] };

/**
 * Decides who is at one address. Only what is proven counts; where two identities serve the same port
 * there, the one that was proven first keeps it.
 *
 * One address and HBONE port is one socket: of two identities that claim the same one, the one that was found
 * there by the latest dial is there, and the others are not any more.
 */
export function judgeClaims(claims: Iterable<AddressClaim>): Map<string, Verdict> {
  const all = [...claims];
  const verdicts = new Map<string, Verdict>(all.map(({ id }) => [id, { kind: 'unproven' }]));
  const found = lastFound(all);
  const isThere = ({ hbonePort, proof, spiffeId }: AddressClaim): boolean =>
    proof !== undefined && (found.get(hbonePort)?.spiffeId ?? spiffeId) === spiffeId;
  const holders = new Map<number, string>();
  let holderOfAll: string | undefined;
  for (const { id, spiffeId, anyPort, ports } of all.filter(isThere).sort(byTurn)) {
    const contests = new Map<string, number[]>();
    const contest = (holder: string, port: number): void => {
      if (holder !== spiffeId) contests.set(holder, [...(contests.get(holder) ?? []), port]);
    };
    if (!anyPort) {
      for (const port of ports) {
        const holder = holders.get(port) ?? holderOfAll ?? spiffeId;
        holders.set(port, holder);
        contest(holder, port);
      }
    } else if ((holderOfAll ??= spiffeId) === spiffeId) {
      for (const [port, holder] of holders) contest(holder, port);
    } else contests.set(holderOfAll, []);
    const sorted = Array.from(contests, ([holder, held]) => {
      return { holder, ports: held.sort((a, b) => a - b) };
    });
    verdicts.set(id, { kind: 'proven', contests: sorted });
  }
  return verdicts;
}

/** By HBONE port, the claim that the latest dial there confirmed. */
function lastFound(claims: readonly AddressClaim[]): ReadonlyMap<number, AddressClaim> {
  const found = new Map<number, AddressClaim>();
  // Two control planes may have given the same number.
  for (const claim of claims.toSorted((a, b) => (a.id < b.id ? -1 : 1))) {
    const before = found.get(claim.hbonePort);
    if (dialOf(claim) > (before === undefined ? 0 : dialOf(before))) {
      found.set(claim.hbonePort, claim);
    }
  }
  return found;
}

function dialOf({ proof }: AddressClaim): number {
  return proof?.ground === 'dialled' ? proof.dial : 0;
}

function byTurn(a: AddressClaim, b: AddressClaim): number {
  const turns = (a.turn ?? Number.MAX_VALUE) - (b.turn ?? Number.MAX_VALUE);
  if (turns !== 0) return turns;
  return a.id < b.id ? -1 : 1;
}
