import { parseSpiffeId } from '../../../common/pki/spiffe-id.ts';
import type { TapResponse, TappedEvent } from '../../../proto/gen/hauberk/v1/admin.ts';
import type { TapAnswer, TapLine } from '../answers/tap.ts';

/** What a tap has seen, as the page shows it. */
export function toTapAnswer({ events, dropped, sidecars, unreached }: TapResponse): TapAnswer {
  return {
    lines: events.flatMap(toLine),
    dropped,
    sidecars,
    unreached: unreached.map(({ id, why }) => `The sidecars of ${id} are missing here: ${why}`),
  };
}

function toLine({ spiffeId, instanceId, event }: TappedEvent): TapLine[] {
  if (event === undefined) return [];
  const { namespace, service } = parseSpiffeId(spiffeId);
  const own = `${service}.${namespace}`;
  const [, peerNamespace, peerService] =
    /^spiffe:\/\/[^/]+\/ns\/([^/]+)\/sa\/([^/]+)$/.exec(event.peer) ?? [];
  const peer = peerService === undefined ? event.peer : `${peerService}.${peerNamespace}`;
  const { inbound, ...seen } = event;
  const [from, to] = inbound ? [peer, own] : [own, peer];
  return [{ ...seen, from, to, seenBy: own, instanceId }];
}
