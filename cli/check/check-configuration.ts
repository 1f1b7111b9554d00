import { ok, warning, type Finding } from './finding.ts';
import type { MeshFacts } from './mesh-facts.ts';

/** Names that lead nowhere: in upstreams, and in rules and routes. */
export function checkConfiguration({ workloads, unseenNames }: MeshFacts): readonly Finding[] {
  const missing = workloads.flatMap(({ service, namespace, missingUpstreams }) =>
    missingUpstreams.map((upstream) => ({ upstream, caller: `${service}.${namespace}` })),
  );
  const upstreams = missing.map(({ upstream, caller }) =>
    warning(
      'upstreams',
      `${caller} calls ${upstream}, which no sidecar exposes`,
      'start that service, or correct the name in --upstream',
    ),
  );
  const names = unseenNames.map((sentence) =>
    warning('names', sentence, 'correct the name in the mesh configuration, or start that service'),
  );
  return [
    ...(upstreams.length > 0
      ? upstreams
      : [ok('upstreams', 'every upstream is exposed by a sidecar')]),
    ...(names.length > 0
      ? names
      : [ok('names', 'every name of the mesh configuration fits a workload')]),
  ];
}
