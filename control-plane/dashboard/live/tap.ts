import { parseSpiffeId } from '../../../common/pki/spiffe-id.ts';
import type { TapResponse, TappedEvent } from '../../../proto/gen/hauberk/v1/admin.ts';
import type { TapAnswer, TapLine } from '../answers/tap.ts';
import { serviceHere } from './figures.ts';

/** What a tap has seen, as the page shows it. */
export function toTapAnswer(response: TapResponse): TapAnswer {
  const { events, dropped, sidecars, unable, unreached } = response;
  return {
    lines: events.flatMap(toLine),
    dropped,
    sidecars,
    unable,
    unreached: unreached.map(({ id, why }) => `The sidecars of ${id} are missing here: ${why}`),
  };
}

function toLine({ spiffeId, instanceId, event }: TappedEvent): TapLine[] {
  if (event === undefined) return [];
  const { trustDomain, namespace, service } = parseSpiffeId(spiffeId);
  const own = `${service}.${namespace}`;
  const other = serviceHere(event.peer, trustDomain);
  const peer = other === undefined ? event.peer : `${other.service}.${other.namespace}`;
  const { inbound, ...seen } = event;
  const [from, to] = inbound ? [peer, own] : [own, peer];
  return [{ ...seen, from, to, seenBy: own, instanceId }];
}
