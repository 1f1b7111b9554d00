import type { AccessExplanation } from './explain-access.ts';
import { describeDecision } from './describe-decision.ts';

/** Why the sidecars of a service decide as they do, as the end of a sentence. */
export function describeAccess({ verdict, mesh, endpoints }: AccessExplanation): string {
  const byMesh = describeDecision(mesh);
  if (!mesh.allowed) return byMesh;
  const reasons = [...new Set(endpoints.map(({ why }) => why))];
  switch (verdict) {
    case 'differs': {
      const refusing = endpoints.filter(({ decision }) => decision?.allowed === false);
      return `${byMesh}, but ${refusing.length} of ${endpoints.length} sidecars refuse it by their --allow: ${named(refusing)}`;
    }
    case 'unknown': {
      const silent = endpoints.filter(({ decision }) => decision === undefined);
      return `${byMesh}, but it depends on --allow of sidecars that do not report it: ${named(silent)}`;
    }
    case 'allowed':
    case 'refused':
      return reasons.length === 0 ? byMesh : reasons.join('; ');
  }
}

/** More instances make no sentence clearer. */
const MAX_NAMED = 5;

function named(endpoints: AccessExplanation['endpoints']): string {
  const shown = endpoints.slice(0, MAX_NAMED).map(({ instanceId }) => instanceId);
  const more = endpoints.length - shown.length;
  return `${shown.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}
