import { describeAccess } from '../../../common/authorization/describe-access.ts';
import { type EnforcingSidecar, enforcersAt } from '../../../common/authorization/enforcers-at.ts';
import {
  type AccessExplanation,
  explainAccess,
  isPerRequest,
} from '../../../common/authorization/explain-access.ts';
import { explainRequest } from '../../../common/authorization/explain-request.ts';
import { didYouMean } from '../../../common/nearest-name.ts';
import { parseSpiffeId } from '../../../common/pki/spiffe-id.ts';
import { describeMatch } from '../../../common/routes/describe-match.ts';
import { formatServicePort, type ServicePort } from '../../../common/routes/route.ts';
import type { ExplainAnswer } from '../answers/answers.ts';
import { type QueryContext, required } from './query-context.ts';

/** A service by its name. */
export interface ServiceName {
  readonly namespace: string;
  readonly service: string;
}

/** What is asked: may `from` reach the port of `to`, or make this request of it? */
export interface ExplainQuestion {
  readonly from: ServiceName;
  readonly to: ServicePort;
  readonly request: { readonly method: string; readonly target: string } | undefined;
}

/** The sidecars of the mesh, as far as they decide who is let in. */
export async function enforcingSidecars({
  actions,
}: QueryContext): Promise<readonly EnforcingSidecar[]> {
  const { workloads } = await actions.listWorkloads.action({});
  return workloads.map((workload) => {
    const { namespace, service } = parseSpiffeId(workload.spiffeId);
    const { localAllow } = workload;
    return Object.assign({}, workload, { localAllow, namespace, service });
  });
}

/** Decides as the sidecars do, by the same functions, and says why. */
export async function explainAnswer(
  context: QueryContext,
  { from, to, request }: ExplainQuestion,
): Promise<ExplainAnswer> {
  const { trustDomain, actions } = context;
  const { authorization: policy, routes } = context.config();
  const sidecars = await enforcingSidecars(context);
  const asked = {
    source: { trustDomain, ...from },
    destination: { trustDomain, namespace: to.namespace, service: to.service },
    port: to.port,
  };
  const { config } = await actions.getMeshConfig.action({});
  const common = {
    from: `${from.service}.${from.namespace}`,
    to: formatServicePort(to),
    version: required(config).version,
    warnings: await neverSeen(context, [from, to]),
  };
  const enforcers = (service: ServicePort) => enforcersAt(sidecars, service, service.port);
  if (request === undefined) {
    return { ...common, ...accessDocument(explainAccess(policy, asked, enforcers(to))) };
  }
  const mesh = { policy, routes, enforcersAt: enforcers };
  const explained = explainRequest(mesh, asked, { ...request, fields: [] });
  const [backend] = explained.backends;
  if (explained.kind === 'no-match' || explained.kind === 'ambiguous-path') {
    return { ...common, ...NOT_SENT, why: NOT_SENT_WHY[explained.kind] };
  }
  const route =
    explained.kind === 'routed'
      ? `${explained.entry.route.name}, by its match ${describeMatch(explained.entry.match)}`
      : undefined;
  if (backend === undefined)
    return { ...common, ...NOT_SENT, route, why: 'the route redirects it' };
  return { ...common, ...accessDocument(backend.access), route };
}

const NOT_SENT = { verdict: 'not sent', rules: [], perRequest: false, endpoints: [] } as const;

const NOT_SENT_WHY = {
  'no-match': "the caller's sidecar answers it with 404: no rule of the routes is for it",
  'ambiguous-path':
    "the caller's sidecar answers it with 400: servers read this path in several ways",
} as const;

function accessDocument(
  access: AccessExplanation,
): Pick<ExplainAnswer, 'verdict' | 'why' | 'rules' | 'perRequest' | 'endpoints'> {
  const { verdict, mesh, endpoints } = access;
  return {
    verdict,
    why: describeAccess(access),
    rules: mesh.grounds.kind === 'rules' ? mesh.grounds.rules : [],
    perRequest: isPerRequest(access),
    endpoints: endpoints.map(({ instanceId, decision, why }) => ({
      instanceId,
      verdict: verdictOf(decision?.allowed),
      why,
    })),
  };
}

function verdictOf(allowed: boolean | undefined): string {
  if (allowed === undefined) return 'unknown';
  return allowed ? 'allowed' : 'refused';
}

/** A name with a typing error in it would be explained like any other. */
async function neverSeen(
  { actions }: QueryContext,
  names: readonly ServiceName[],
): Promise<readonly string[]> {
  const { spiffeIds } = await actions.listIdentities.action({});
  const known = spiffeIds.map(parseSpiffeId).map((one) => `${one.service}.${one.namespace}`);
  return names
    .map(({ namespace, service }) => `${service}.${namespace}`)
    .filter((name) => !known.includes(name))
    .map((name) =>
      [`the mesh has never seen ${name}`, didYouMean(name, known)].filter(Boolean).join('; '),
    );
}
