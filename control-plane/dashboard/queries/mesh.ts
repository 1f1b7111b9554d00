import { formatServicePort } from '../../../common/routes/route.ts';
import { parseSpiffeId } from '../../../common/pki/spiffe-id.ts';
import { describeMatch } from '../../../common/routes/describe-match.ts';
import type { Workload } from '../../../proto/gen/hauberk/v1/admin.ts';
import type { MeshAnswer, ServiceAnswer, ServiceNode } from '../answers/answers.ts';
import type { QueryContext } from './query-context.ts';

/** The mesh by its services, in the order of their names. */
export async function meshAnswer({ actions, clock }: QueryContext): Promise<MeshAnswer> {
  const { workloads, ...mesh } = await actions.listWorkloads.action({});
  const { config } = await actions.getMeshConfig.action({});
  const [here] = mesh.controlPlanes;
  return {
    ...mesh,
    nowMs: clock.epochMs(),
    services: serviceNodes(workloads, here?.acknowledgedVersion ?? 0),
    configVersion: config?.version ?? 0,
  };
}

/** Sidecars by the identity that they have. */
function serviceNodes(
  workloads: readonly Workload[],
  acknowledgedVersion: number,
): readonly ServiceNode[] {
  const services = Map.groupBy(workloads, ({ spiffeId }) => spiffeId);
  return [...services]
    .map(([spiffeId, sidecars]) => toNode(spiffeId, sidecars, acknowledgedVersion))
    .sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1));
}

function keyOf({ namespace, service }: ServiceNode): string {
  return `${namespace}/${service}`;
}

function toNode(
  spiffeId: string,
  sidecars: readonly Workload[],
  acknowledgedVersion: number,
): ServiceNode {
  const { namespace, service } = parseSpiffeId(spiffeId);
  const here = sidecars.filter(({ connected }) => connected);
  const sum = (count: (sidecar: Workload) => number): number =>
    sidecars.reduce((total, sidecar) => total + count(sidecar), 0);
  const ends = here.map(({ certificateNotAfterMs }) => certificateNotAfterMs).filter(Boolean);
  return {
    namespace,
    service,
    instances: sidecars.length,
    connected: here.length,
    ports: [...new Set(sidecars.flatMap(({ ports }) => ports))].sort((a, b) => a - b),
    anyPort: sidecars.some(({ anyPort }) => anyPort),
    callsOnly: sidecars.every(({ hbonePort }) => hbonePort === 0),
    plaintext: sum(({ plaintext }) => plaintext?.connections ?? 0),
    openConnections: sum(({ openConnections }) => openConnections),
    certificateNotAfterMs: ends.length === 0 ? 0 : Math.min(...ends),
    conflicts: sum(({ contests }) => contests.length),
    behind: here.filter((sidecar) => sidecar.acknowledgedVersion < acknowledgedVersion).length,
  };
}

/** One service with all that its sidecars have told. */
export async function serviceAnswer(
  context: QueryContext,
  { namespace, service }: { readonly namespace: string; readonly service: string },
): Promise<ServiceAnswer> {
  const { actions, clock } = context;
  const { workloads, controlPlanes } = await actions.listWorkloads.action({});
  const instances = workloads.filter(({ spiffeId }) => {
    const id = parseSpiffeId(spiffeId);
    return id.namespace === namespace && id.service === service;
  });
  const { routes } = context.config().routes;
  const own = routes.filter(({ parents }) =>
    parents.some((parent) => parent.namespace === namespace && parent.service === service),
  );
  return {
    nowMs: clock.epochMs(),
    viewVersion: controlPlanes[0]?.viewVersion ?? 0,
    instances,
    routes: own.flatMap(({ name, rules }) =>
      rules.map((rule) => {
        const matches = rule.matches.map(describeMatch).join(' or ') || 'every request';
        const backends = rule.backends
          .map(({ weight, ...backend }) => `${formatServicePort(backend)} (weight ${weight})`)
          .join(', ');
        return `${name}: ${matches} → ${backends || 'the service itself'}`;
      }),
    ),
  };
}
