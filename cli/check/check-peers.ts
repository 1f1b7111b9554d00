import { formatHostPort } from '../../common/network/listen.ts';
import { serviceOf } from '../../common/wire/traffic/tap-filter.ts';
import type { UnreachedPeer } from '../../proto/gen/hauberk/v1/admin.ts';
import { count, failed, ok, warning, type Finding } from './finding.ts';
import type { MeshFacts } from './mesh-facts.ts';

/** More lines say nothing new. */
const MAX_LINES = 20;

/** Whether advertised addresses are reached by the sidecars that know them, which have just tried. */
export function checkPeers({ peers }: MeshFacts): readonly Finding[] {
  if (peers === undefined) {
    const sentence = 'this control plane cannot have sidecars look for their peers';
    return [warning('peers', sentence, 'upgrade the control plane')];
  }
  const { unreachedPeers, tried, asked, silent, unable, unreached } = peers;
  const lines = unreachedPeers.slice(0, MAX_LINES).map(toFinding);
  const missing = unreached.map(({ id, why }) =>
    warning('peers', `the sidecars of the control plane ${id} were not asked: ${why}`, REACH),
  );
  if (silent > 0) {
    const sentence = `${count(silent, 'sidecar')} of ${asked} have not said in time which peers they reach`;
    missing.push(warning('peers', sentence, 'look at their CPU and their logs'));
  }
  if (lines.length + missing.length > 0) return [...lines, ...missing];
  const old = unable === 0 ? '' : `; ${count(unable, 'sidecar')} of an older version cannot tell`;
  return [
    ok('peers', `${count(asked, 'sidecar')} reached all ${tried} peers that they know${old}`),
  ];
}

const REACH = 'control planes reach each other at what --advertise says';

function toFinding({ from, peer = NO_PEER }: UnreachedPeer): Finding {
  const { spiffeId, address, hbonePort, reason } = peer;
  const place = formatHostPort(address, hbonePort);
  const sentence = `${nameOf(from)} does not reach ${nameOf(spiffeId)} at ${place}: ${reason}`;
  return failed('peers', sentence, remedyOf(reason, hbonePort));
}

const NO_PEER = { instanceId: '', spiffeId: '', address: '', hbonePort: 0, reason: 'unreachable' };

function nameOf(spiffeId: string): string {
  const name = serviceOf(spiffeId);
  return name === undefined ? spiffeId : `${name.service}.${name.namespace}`;
}

function remedyOf(reason: string, port: number): string {
  switch (reason) {
    case 'timeout':
    case 'unreachable':
      return `open port ${port} between the hosts, or give it --advertise with an address that peers reach`;
    case 'wrong-identity':
      return 'another sidecar answers there: give both --advertise, or put them into networks of their own';
    default:
      return `docs/errors.md says what ${reason} means; the log of the peer has the line`;
  }
}
