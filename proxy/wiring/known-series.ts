import { CONNECTION_FAILURES, REFUSALS } from '../../common/rpc/rpc-error.ts';
import { ADDRESS_ANSWERS } from '../outbound/met-addresses.ts';
import type { KnownSeries } from '../metrics/proxy-metrics.ts';
import { HANDSHAKE_REFUSALS } from '../tunnel/peer-check.ts';
import { TUNNEL_ENDS } from '../tunnel/tunnel.ts';

const DIRECTIONS = ['inbound', 'outbound'];

/** The counters of a sidecar whose labels have closed lists, with the lists. */
export const KNOWN_SERIES: KnownSeries = {
  tunnelsClosed: { direction: DIRECTIONS, reason: TUNNEL_ENDS },
  handshakesRefused: { direction: DIRECTIONS, reason: HANDSHAKE_REFUSALS },
  addressQuestions: { answer: ADDRESS_ANSWERS },
  certificateRenewalFailures: { reason: [...REFUSALS, ...CONNECTION_FAILURES] },
};
