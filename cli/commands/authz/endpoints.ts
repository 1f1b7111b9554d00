import type {
  AccessExplanation,
  EnforcerDecision,
} from '../../../common/authorization/explain-access.ts';
import { formatHostPort } from '../../../common/network/listen.ts';
import type { WorkloadInfo } from '../../admin/client.ts';
import { formatTable } from '../../output/table.ts';

/** A verdict as `--json` prints it: null where it is not the same everywhere, or not known. */
export function verdictDocument(verdict: AccessExplanation['verdict']): boolean | null {
  if (verdict === 'differs' || verdict === 'unknown') return null;
  return verdict === 'allowed';
}

/** What each sidecar decides, as `--json` prints it. */
export function endpointDocument({ instanceId, decision, why }: EnforcerDecision): object {
  return {
    instance: instanceId,
    allowed: decision?.allowed ?? null,
    reason: decision?.allowed === false ? decision.reason : null,
    why,
  };
}

const HEADER = ['INSTANCE', 'ADDRESS', 'ANSWER', 'WHY'];

/** What each sidecar decides, as a table with an empty line before it. */
export function endpointTable(
  decisions: readonly EnforcerDecision[],
  endpoints: readonly WorkloadInfo[],
): string {
  const places = new Map(
    endpoints.map(({ instanceId, addresses: [address = ''], hbonePort }) => [
      instanceId,
      formatHostPort(address, hbonePort),
    ]),
  );
  const rows = decisions.map(({ instanceId, decision, why }) => [
    instanceId,
    places.get(instanceId) ?? '',
    answerOf(decision),
    why,
  ]);
  return `\n${formatTable(HEADER, rows)}`;
}

function answerOf(decision: EnforcerDecision['decision']): string {
  if (decision === undefined) return 'unknown';
  return decision.allowed ? 'allowed' : `refused (${decision.reason})`;
}
