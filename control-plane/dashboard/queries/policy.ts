import { describeAccess } from '../../../common/authorization/describe-access.ts';
import { type EnforcingSidecar, enforcersAt } from '../../../common/authorization/enforcers-at.ts';
import {
  explainAccess,
  type AccessExplanation,
} from '../../../common/authorization/explain-access.ts';
import type { Policy } from '../../../common/authorization/policy.ts';
import { formatDifference } from '../../../common/mesh-config/difference.ts';
import type { MeshConfig } from '../../../common/mesh-config/mesh-config.ts';
import { MeshConfigError } from '../../../common/mesh-config/mesh-config-error.ts';
import { readMeshConfig } from '../../../common/mesh-config/read-mesh-config.ts';
import { formatServicePort } from '../../../common/routes/route.ts';
import { describeRouteChanges, routeChanges } from '../../../common/routes/route-changes.ts';
import type { ChangedDecision, DryRunAnswer, PolicyAnswer } from '../answers/answers.ts';
import { enforcingSidecars } from './explain.ts';
import { type QueryContext, required } from './query-context.ts';

/** A version of the mesh configuration, by default the one in force, with what it changed. */
export async function policyAnswer(
  { actions }: QueryContext,
  { version }: { readonly version: number | undefined },
): Promise<PolicyAnswer> {
  const { config: current, file } = await actions.getMeshConfig.action({});
  const inForce = required(current);
  const { configs: versions } = await actions.listMeshConfigs.action({});
  const documentOf = async (wanted: number): Promise<string> => {
    if (wanted === inForce.version) return inForce.document;
    return required((await actions.getMeshConfig.action({ version: wanted })).config).document;
  };
  const shown = version ?? inForce.version;
  const document = await documentOf(shown);
  const before = versions.map((one) => one.version).filter((one) => one < shown);
  const previous = before.length === 0 ? '' : await documentOf(Math.max(...before));
  return {
    version: shown,
    document,
    difference: linesOf(formatDifference(previous, document)),
    inForce: inForce.version,
    versions: versions.map(({ version: number, appliedMs, origin }) => ({
      version: number,
      appliedMs,
      origin,
    })),
    file,
  };
}

function linesOf(text: string): readonly string[] {
  return text.split('\n').slice(0, -1);
}

/** What a document would change, and nothing is changed. */
export async function dryRunAnswer(
  context: QueryContext,
  { document }: { readonly document: string },
): Promise<DryRunAnswer> {
  const { config } = await context.actions.getMeshConfig.action({});
  const { document: current, version: inForce } = required(config);
  const difference = linesOf(formatDifference(current, document));
  const unchanged = { decisions: [], truncated: false, routes: [], mistakes: [] };
  let next: MeshConfig;
  try {
    next = readMeshConfig(document, 'mesh.yaml');
  } catch (error) {
    if (!(error instanceof MeshConfigError)) throw error;
    return { ...unchanged, difference, mistakes: error.problems, inForce };
  }
  const before = context.config();
  const sidecars = await enforcingSidecars(context);
  const changed = await changedDecisions(sidecars, context.trustDomain, [
    before.authorization,
    next.authorization,
  ]);
  const routes = describeRouteChanges(routeChanges(before.routes, next.routes));
  return { ...unchanged, ...changed, difference, routes, inForce };
}

/** Decisions take microseconds each; with 200 services of one port it is all pairs of them. */
const MAX_DECISIONS = 40_000;

/** So many are made before others have their turn: some milliseconds. */
const DECISIONS_AT_ONCE = 500;

/** A list that a person reads. */
const MAX_CHANGED = 200;

/** Of every service that is there, at every exposed port of every other one. */
async function changedDecisions(
  sidecars: readonly EnforcingSidecar[],
  trustDomain: string,
  [before, after]: readonly [Policy, Policy],
): Promise<{ readonly decisions: readonly ChangedDecision[]; readonly truncated: boolean }> {
  const services = [
    ...Map.groupBy(sidecars, ({ namespace, service }) => `${service}.${namespace}`),
  ];
  const identities = services.flatMap(([name, [one]]) =>
    one === undefined
      ? []
      : [{ name, id: { trustDomain, namespace: one.namespace, service: one.service } }],
  );
  const decisions: ChangedDecision[] = [];
  let made = 0;
  for (const [, instances] of services) {
    const [one] = instances;
    if (one === undefined) continue;
    const { namespace, service } = one;
    for (const port of new Set(instances.flatMap(({ ports }) => ports))) {
      const enforcers = enforcersAt(instances, one, port);
      for (const { name, id } of identities) {
        made += 1;
        if (made > MAX_DECISIONS || decisions.length === MAX_CHANGED) {
          return { decisions, truncated: true };
        }
        if (made % DECISIONS_AT_ONCE === 0) await new Promise(setImmediate);
        const request = { source: id, destination: { trustDomain, namespace, service }, port };
        const was = explainAccess(before, request, enforcers);
        const is = explainAccess(after, request, enforcers);
        if (answerOf(was) === answerOf(is)) continue;
        const to = formatServicePort({ namespace, service, port });
        const why = describeAccess(is);
        decisions.push({ from: name, to, before: answerOf(was), after: answerOf(is), why });
      }
    }
  }
  return { decisions, truncated: false };
}

function answerOf({ verdict, mesh }: AccessExplanation): string {
  return verdict !== 'refused' && mesh.allowed && mesh.perRequest ? 'by request' : verdict;
}
