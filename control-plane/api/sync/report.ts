import { isIP } from 'node:net';
import { readOutsideHost } from '../../../common/authorization/outside-pattern.ts';
import { isLabel } from '../../../common/names.ts';
import type { Report } from '../../../proto/gen/hauberk/v1/discovery.ts';
import type { OutsideState, SidecarReport } from '../../registry/known-sidecars.ts';

/** Enough to see what is left to do; bounds what a sidecar can make us keep. */
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
export function readReport({
  plaintext,
  egress,
  missingUpstreams,
  ...report
}: Report): SidecarReport {
  const { connections = 0, flows = 0, mostUsed = [] } = plaintext ?? {};
  return {
    ...report,
    plaintext: {
      connections,
      flows,
      mostUsed: mostUsed.filter(({ address }) => isIP(address) !== 0).slice(0, MAX_FLOWS),
    },
    egress: egress.filter(isReadable).slice(0, MAX_OUTSIDE),
    missingUpstreams: missingUpstreams.filter(isServicePort).slice(0, MAX_UPSTREAMS),
  };
}

function isReadable({ host, condition, why }: OutsideState): boolean {
  return (
    readOutsideHost(host) === host &&
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
