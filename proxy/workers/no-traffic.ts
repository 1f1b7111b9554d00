import type { Traffic } from '../discovery/report.ts';

/** What one who has carried nothing tells. */
export const NO_TRAFFIC: Traffic = {
  totals: { openConnections: 0, openTunnels: 0, totalConnections: 0 },
  plaintext: { connections: 0, flows: 0, mostUsed: [] },
  outside: [],
  missingUpstreams: [],
};
