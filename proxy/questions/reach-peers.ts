import { errorCode, HauberkError } from '../../common/errors.ts';
import type { MonotonicClock } from '../../common/clock.ts';
import type { Endpoint } from '../../common/wire/endpoint.ts';
import { MAX_REACHED_PEERS } from '../../common/wire/sidecar-state.ts';
import type { PeerReached, PeersAnswer } from '../../proto/gen/hauberk/v1/question.ts';
import type { MeshView } from '../discovery/mesh-view.ts';
import { dialTarget } from '../outbound/connector.ts';
import type { Dial } from '../tunnel/tunnel.ts';
import { NotAcceptedError } from '../tunnel/tunnel-error.ts';

/** Addresses of one endpoint: the preferred ones. */
const MAX_ADDRESSES = 3;

/** Dials at a time: a question must not be what a sidecar is busy with. */
const AT_A_TIME = 8;

/** A peer in the same network answers in milliseconds. */
const DIAL_TIMEOUT_MS = 1_500;

/** After so long no other endpoint is begun with: the control plane waits for the answer. */
const PATIENCE_MS = 3_000;

/** What finding peers takes. */
export interface ReachPeersOptions {
  readonly view: Pick<MeshView, 'endpoints'>;
  readonly dial: Dial;
  readonly clock: MonotonicClock;
  readonly instanceId: string;
  /** In [0, 1). */
  readonly random: () => number;
}

/**
 * Dials endpoints of the view where they advertise to be, and ends each tunnel at once. Addresses that no sidecar of the
 * mesh names are not dialled, whatever is asked.
 */
export async function reachPeers(options: ReachPeersOptions): Promise<PeersAnswer> {
  const { view, instanceId, clock, random } = options;
  const all = view.endpoints().filter((one) => one.instanceId !== instanceId && one.hbonePort > 0);
  const chosen = all
    .map((endpoint) => ({ endpoint, order: random() }))
    .toSorted((a, b) => a.order - b.order)
    .slice(0, MAX_REACHED_PEERS)
    .map(({ endpoint }) => endpoint);
  const peers: PeerReached[] = [];
  const waiting = chosen.values();
  const lastMs = clock.monotonicMs() + PATIENCE_MS;
  const work = async (): Promise<void> => {
    for (const endpoint of waiting) {
      if (clock.monotonicMs() < lastMs) peers.push(await reachPeer(endpoint, options));
    }
  };
  await Promise.all(Array.from({ length: AT_A_TIME }, work));
  return { peers, omitted: all.length - peers.length };
}

async function reachPeer(endpoint: Endpoint, options: ReachPeersOptions): Promise<PeerReached> {
  const { instanceId, hbonePort } = endpoint;
  const about = { instanceId, spiffeId: endpoint.spiffeId.uri, hbonePort };
  let last = { ...about, address: endpoint.addresses[0], reason: 'unreachable' };
  for (const address of endpoint.addresses.slice(0, MAX_ADDRESSES)) {
    last = { ...about, address, reason: await dialOnce(endpoint, address, options) };
    if (last.reason === '') break;
  }
  return last;
}

/** @returns why it was not found; empty when it is there */
async function dialOnce(
  endpoint: Endpoint,
  address: string,
  { dial, clock }: ReachPeersOptions,
): Promise<string> {
  const timeout = new AbortController();
  const timer = clock.after(DIAL_TIMEOUT_MS, () => timeout.abort());
  try {
    const tunnel = await dial(dialTarget(endpoint, address), timeout.signal);
    tunnel.drain('drained');
    return '';
  } catch (error) {
    // It has shown its certificate: it is there, and refuses us for what the log of its host says.
    if (error instanceof NotAcceptedError) return 'not-accepted';
    if (timeout.signal.aborted) return 'timeout';
    return error instanceof HauberkError ? errorCode(error) : 'unreachable';
  } finally {
    timer.cancel();
  }
}
