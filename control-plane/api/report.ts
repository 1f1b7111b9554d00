import { isIP } from 'node:net';
import type { Report } from '../../proto/gen/hauberk/v1/discovery.ts';
import type { SidecarReport } from '../registry/known-sidecars.ts';

/** Enough to see what is left to do; bounds what a sidecar can make us keep. */
const MAX_FLOWS = 10;

/**
 * Reads a report. What it says is shown to operators and nothing depends on it, so what makes no
 * sense is left out: text that is no address never reaches a terminal.
 */
export function readReport({ plaintext, ...report }: Report): SidecarReport {
  const { connections = 0, flows = 0, mostUsed = [] } = plaintext ?? {};
  return {
    ...report,
    plaintext: {
      connections,
      flows,
      mostUsed: mostUsed.filter(({ address }) => isIP(address) !== 0).slice(0, MAX_FLOWS),
    },
  };
}
