import type { Announcement } from '../leader/control-planes.ts';

/** So many are named one by one: more that are behind are a mesh that is behind. */
const MAX_BEHIND = 32;

/**
 * How far many sidecars are, in a few numbers: what all of them have acknowledged but for those that are
 * behind, and how far those are. For other control planes, which would not be told of each acknowledgement.
 */
export function summarize(
  acknowledged: Iterable<readonly [instanceId: string, version: number]>,
): Pick<Announcement, 'acknowledgedVersion' | 'behind'> {
  const all = [...acknowledged];
  const versions = Float64Array.from(all, ([, version]) => version).sort();
  const acknowledgedVersion = versions[Math.min(MAX_BEHIND, versions.length - 1)] ?? 0;
  return {
    acknowledgedVersion,
    behind: Object.fromEntries(all.filter(([, version]) => version < acknowledgedVersion)),
  };
}
