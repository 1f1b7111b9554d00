import { checkAuthority } from './check-authority.ts';
import { checkConfiguration } from './check-configuration.ts';
import { checkSidecars } from './check-sidecars.ts';
import { checkTraffic } from './check-traffic.ts';
import type { Finding } from './finding.ts';
import type { MeshFacts } from './mesh-facts.ts';

/** One finding for each check, in the order in which one leads to the next. */
export function checkMesh(facts: MeshFacts): readonly Finding[] {
  return [
    ...checkAuthority(facts),
    ...checkSidecars(facts),
    ...checkConfiguration(facts),
    ...checkTraffic(facts),
  ];
}
