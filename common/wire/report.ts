import { isIP } from 'node:net';
import {
  type EgressState,
  type PlaintextTraffic,
  Report,
} from '../../proto/gen/hauberk/v1/discovery.ts';
import { readEgressHost } from '../authorization/egress-pattern.ts';
import { isLabel } from '../names.ts';

/** What a sidecar says about itself: what `hauberk status` shows of it. */
export interface SidecarReport extends Report {
  readonly plaintext: PlaintextTraffic;
}

/** What is known of a sidecar that has not reported yet. */
export const NO_REPORT: SidecarReport = {
  ...Report.decode(new Uint8Array()),
  plaintext: { connections: 0, flows: 0, mostUsed: [] },
};

/** Enough to see what is left to do; bounds what a sidecar can make the control plane keep. */
const MAX_FLOWS = 10;

/** As many as a mesh can have policies for would be more than a screen. */
const MAX_OUTSIDE = 100;

/** A sidecar with more calls the whole mesh. */
const MAX_UPSTREAMS = 100;

/** A path and a sentence around it. */
const MAX_WHY_CHARACTERS = 500;

/**
 * Reads a report. What it says is shown to operators and nothing depends on it, so what makes no
 * sense is left out: text that is no address never reaches a terminal.
 */
export function readReport(report: Report): SidecarReport {
  const { plaintext = NO_REPORT.plaintext, egress, missingUpstreams } = report;
  const mostUsed = plaintext.mostUsed.filter(({ address }) => isIP(address) !== 0);
  return {
    ...report,
    plaintext: { ...plaintext, mostUsed: mostUsed.slice(0, MAX_FLOWS) },
    egress: egress.filter(isReadable).slice(0, MAX_OUTSIDE),
    missingUpstreams: missingUpstreams.filter(isServicePort).slice(0, MAX_UPSTREAMS),
  };
}

function isReadable({ host, condition, why }: EgressState): boolean {
  return (
    readEgressHost(host) === host &&
    /^[a-z-]{1,40}$/.test(condition) &&
    why.length <= MAX_WHY_CHARACTERS &&
    /^\P{C}*$/u.test(why)
  );
}

/** Whether it reads `SERVICE.NAMESPACE:PORT`. */
function isServicePort(text: string): boolean {
  const [service = '', namespace = '', port = '', ...more] = text.split(/[.:]/);
  return isLabel(service) && isLabel(namespace) && /^\d{1,5}$/.test(port) && more.length === 0;
}
