import type { Identity } from '../../../common/authorization/decide.ts';
import { describeAccess } from '../../../common/authorization/describe-access.ts';
import { isPerRequest } from '../../../common/authorization/explain-access.ts';
import type { Reachability } from '../../../common/authorization/who-can-reach.ts';
import type { WorkloadInfo } from '../../admin/client.ts';
import { endpointDocument, verdictDocument } from './endpoints.ts';
import { formatIdentity } from '../../names/name-arguments.ts';

/** What is known of a mesh besides its policy. */
interface ReachabilityContext {
  /** Those that have a sidecar. */
  readonly known: readonly Identity[];
  readonly trustDomain: string;
}

/** The identities of sidecars, each once. */
export function knownIdentities(
  workloads: readonly WorkloadInfo[],
  trustDomain: string,
): readonly Identity[] {
  const identities = workloads.map(({ namespace, service }) => ({
    trustDomain,
    namespace,
    service,
  }));
  return [...new Map(identities.map((one) => [`${one.service}.${one.namespace}`, one])).values()];
}

/** Who may reach a port, in rows: the caller, whether it has a sidecar, and why it may. */
export function reachabilityRows(
  reachability: Reachability,
  context: ReachabilityContext,
): readonly (readonly string[])[] {
  return [
    ...callersOf(reachability, context).map(({ caller, known, why }) => [
      caller,
      known ? 'yes' : 'no',
      why,
    ]),
    ...reachability.openNames.map(({ name, rule, perRequest }) => {
      const why = `the rule ${rule} allows such names`;
      return [name, '-', perRequest ? `${why} some requests` : why];
    }),
  ];
}

/** What is to be said of those who are not in the list. */
const REST = {
  allowed: 'every other workload of the mesh may also',
  refused: 'no other caller may',
  differs: 'at some of its sidecars every other workload of the mesh may also',
  unknown: 'unless --allow of a sidecar says otherwise, every other workload of the mesh may also',
} as const;

/** Whether those may reach the place who are not in the list; without a full stop. */
export function restSentence(
  { everyOther, everyOtherPerRequest }: Reachability,
  place: string,
): string {
  return `${REST[everyOther]} reach ${place}${everyOtherPerRequest ? ' with some requests' : ''}`;
}

/** The same as `--json` prints it; docs/json-output.md describes it. */
export function reachabilityDocument(
  reachability: Reachability,
  context: ReachabilityContext,
): object {
  const { openNames, everyOther, everyOtherPerRequest } = reachability;
  return {
    callers: callersOf(reachability, context),
    openNames,
    everyOther: verdictDocument(everyOther),
    everyOtherPerRequest,
  };
}

function callersOf({ callers }: Reachability, { known, trustDomain }: ReachabilityContext) {
  const names = new Set(known.map((one) => formatIdentity(one, trustDomain)));
  return callers.map(({ identity, access }) => {
    const caller = formatIdentity(identity, trustDomain);
    return {
      caller,
      known: names.has(caller),
      allowed: verdictDocument(access.verdict),
      perRequest: isPerRequest(access),
      why: describeAccess(access),
      endpoints: access.endpoints.map(endpointDocument),
    };
  });
}
