import type { BudgetRefusal } from '../../common/budget/budget-error.ts';
import type { DescriptorBudget } from '../../common/budget/descriptors.ts';
import type { PortBudget } from '../../common/budget/ports.ts';
import { peerShare } from '../../common/budget/shared-budget.ts';
import type { KeyedBuckets } from '../../common/keyed-buckets.ts';
import type { Rate } from '../../common/rate-limit.ts';
import { formatAuthority, type Destination } from '../tunnel/authority.ts';

/** What streams to the application are charged to. */
export interface StreamBudgets {
  readonly descriptors: DescriptorBudget;
  readonly ports: PortBudget;
  /** Streams that each identity may open: half of the ports to one place in each second. */
  readonly opened: Pick<KeyedBuckets, 'take'>;
}

/** What an identity may open a second: as many as it may have at once. */
export function streamRate(ports: PortBudget): Rate {
  const most = Math.ceil(ports.count / 2);
  return { burst: most, perSecond: most };
}

/** What one stream holds while the connection to the application is open. */
export interface StreamClaim {
  readonly kind: 'claim';
  /** Gives it back, once. */
  release(): void;
}

/** Why there is no room for a stream. */
export interface StreamDenial {
  readonly kind: 'denied';
  readonly reason: BudgetRefusal;
  /** The end of a sentence. */
  readonly why: string;
}

/**
 * Takes what a stream of this peer to this target needs: a descriptor, and a local port to the target.
 * The peer is one identity, from however many addresses it comes.
 */
export function claimStream(
  peer: string,
  target: Destination,
  { descriptors, ports, opened }: StreamBudgets,
): StreamClaim | StreamDenial {
  if (!opened.take(peer)) {
    descriptors.refuse('peer-rate');
    const most = streamRate(ports).perSecond;
    const why = `it opens more connections a second than its share, which is ${most}`;
    return { kind: 'denied', reason: 'peer-rate', why };
  }
  const share = peerShare(peer);
  const place = formatAuthority(target);
  const portDenial = ports.take(place, share);
  if (portDenial !== undefined) {
    const reason = portDenial === 'used-up' ? 'ports' : 'peer-limit';
    descriptors.refuse(reason);
    return { kind: 'denied', reason, why: portSentence(reason, place, ports.count) };
  }
  const denied = descriptors.take(share);
  if (denied !== undefined) {
    ports.give(place, share);
    return { kind: 'denied', reason: denied, why: descriptorSentence(denied, descriptors) };
  }
  return {
    kind: 'claim',
    release() {
      ports.give(place, share);
      descriptors.give(share);
    },
  };
}

function portSentence(reason: 'ports' | 'peer-limit', place: string, count: number): string {
  return reason === 'ports'
    ? `all ${count} local ports to ${place} are in use`
    : `it has its share of the ${count} local ports to ${place}`;
}

function descriptorSentence(reason: BudgetRefusal, { capacity }: DescriptorBudget): string {
  return reason === 'descriptors'
    ? `all ${capacity} descriptors for connections are in use`
    : `it has its share of the ${capacity} descriptors for connections`;
}
