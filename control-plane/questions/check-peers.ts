import { MAX_REACHED_PEERS } from '../../common/wire/sidecar-state.ts';
import type { CheckPeersResponse, UnreachedPeer } from '../../proto/gen/hauberk/v1/admin.ts';
import type { PeerReached } from '../../proto/gen/hauberk/v1/question.ts';
import type { MeshView } from '../registry/mesh-view.ts';
import type { AskableSidecar, LocalQuestions } from './local-questions.ts';
import { QuestionError } from './question-error.ts';

/** Instances of a service have the same peers, and often the same network. */
const MAX_OF_SERVICE = 3;

/** Each dials up to 32 peers: what a large mesh needs not to be disturbed by a check. */
const MAX_ASKED = 100;

/** More than a person reads; the first ones say what is wrong. */
const MAX_TOLD = 200;

/** Has some sidecars of each service that are connected here look for the peers that they know. */
export async function checkPeers({
  local,
  view,
}: {
  readonly local: Pick<LocalQuestions, 'sidecars' | 'ask'>;
  readonly view: Pick<MeshView, 'endpoints'>;
}): Promise<CheckPeersResponse> {
  const all = local.sidecars();
  const able = all.filter(({ questionLevel }) => questionLevel > 0);
  const chosen = choose(able);
  const answers = await Promise.all(
    chosen.map(async ({ instanceId, spiffeId }) => {
      try {
        return { from: spiffeId, ...(await local.ask(instanceId, 'peers')) };
      } catch (error) {
        if (error instanceof QuestionError) return undefined;
        throw error;
      }
    }),
  );
  const heard = answers.filter((answer) => answer !== undefined);
  // What is not registered, or not there, is not for a sidecar to say; it may have left meanwhile.
  const isRegistered = ({ instanceId, spiffeId, address }: PeerReached): boolean => {
    const endpoint = view.endpoints.get(instanceId);
    return endpoint?.spiffeId === spiffeId && endpoint.addresses.includes(address);
  };
  // The first of each, then the second of each: one that tells of many hides nothing of what the others tell.
  const peers = heard
    .flatMap(({ from, peers: told }) =>
      eachOnce(told.filter(isRegistered)).map((peer, at) => ({ from, peer, at })),
    )
    .toSorted((a, b) => a.at - b.at)
    .map(({ from, peer }) => ({ from, peer }));
  return {
    unreachedPeers: once(peers.filter(({ peer }) => peer.reason !== '')).slice(0, MAX_TOLD),
    tried: peers.length,
    asked: chosen.length,
    silent: chosen.length - heard.length,
    unable: all.length - able.length,
    unreached: [],
  };
}

function choose(all: readonly AskableSidecar[]): AskableSidecar[] {
  const counts = new Map<string, number>();
  return all
    .filter(({ spiffeId }) => {
      const count = (counts.get(spiffeId) ?? 0) + 1;
      counts.set(spiffeId, count);
      return count <= MAX_OF_SERVICE;
    })
    .slice(0, MAX_ASKED);
}

/** What a sidecar tells of each peer first; it dials no more of them. */
function eachOnce(told: readonly PeerReached[]): readonly PeerReached[] {
  const first = new Map<string, PeerReached>();
  for (const peer of told) if (!first.has(peer.instanceId)) first.set(peer.instanceId, peer);
  return [...first.values()].slice(0, MAX_REACHED_PEERS);
}

/** Instances of one caller mostly say the same. */
function once(
  all: readonly { readonly from: string; readonly peer: PeerReached }[],
): UnreachedPeer[] {
  const told = new Map<string, UnreachedPeer>();
  for (const one of all) {
    const { instanceId, reason } = one.peer;
    const isWord = /^[a-z-]{1,40}$/.test(reason);
    const peer = { ...one.peer, reason: isWord ? reason : 'unreachable' };
    told.set(`${one.from} ${instanceId} ${peer.reason}`, { ...one, peer });
  }
  return [...told.values()];
}
