import type { AccessExplanation } from './explain-access.ts';
import { describeDecision } from './describe-decision.ts';

/** Why the sidecars of a service decide as they do, as the end of a sentence. */
export function describeAccess({ verdict, mesh, endpoints }: AccessExplanation): string {
  const byMesh = describeDecision(mesh);
  if (!mesh.allowed) return byMesh;
  const reasons = [...new Set(endpoints.map(({ why }) => why))];
  switch (verdict) {
    case 'differs':
      return `${byMesh}, but ${countRefusing(endpoints)} of ${endpoints.length} sidecars refuse it by their --allow`;
    case 'unknown':
      return `${byMesh}, but it hangs on --allow of sidecars that do not announce it`;
    case 'allowed':
    case 'refused':
      return reasons.length === 0 ? byMesh : reasons.join('; ');
  }
}

function countRefusing(endpoints: AccessExplanation['endpoints']): number {
  return endpoints.filter(({ decision }) => decision?.allowed === false).length;
}
