import { enforcersAt } from '../../../common/authorization/enforcers-at.ts';
import type { AccessRequest } from '../../../common/authorization/decide.ts';
import { describeAccess } from '../../../common/authorization/describe-access.ts';
import {
  type AccessExplanation,
  explainAccess,
  isPerRequest,
} from '../../../common/authorization/explain-access.ts';
import { explainRequest } from '../../../common/authorization/explain-request.ts';
import { setting } from '../../../common/config/settings.ts';
import { readStoredMeshConfig } from '../../../common/mesh-config/read-mesh-config.ts';
import { routeTable } from '../../../common/routes/route-table.ts';
import type { ServicePort } from '../../../common/routes/route.ts';
import { adminCommand } from '../../admin/admin-command.ts';
import { endpointDocument, endpointTable, verdictDocument } from './endpoints.ts';
import {
  askedRequest,
  REQUEST_SETTINGS,
  requestDocument,
  requestText,
  requestVerdict,
} from './request.ts';
import {
  caller,
  servicePort,
  formatIdentity,
  identityOf,
  NAMESPACE,
} from '../../names/name-arguments.ts';
import { neverSeen, seenIdentities } from '../../names/unseen-names.ts';

/** `hauberk authz explain` */
export const run = adminCommand(
  {
    name: 'hauberk authz explain',
    summary:
      'Says whether a service may reach a port of another one, which rule decides, and why: by the policy of the mesh that is in force, and by what each sidecar of that service was told with --allow. With --method or --path it says which route a request takes, which backends that leads to, and whether they let the caller in.',
    settings: {
      from: setting(caller, {
        description: 'service that calls',
        placeholder: 'SERVICE[.NAMESPACE]',
      }),
      to: setting(servicePort, {
        description: 'port that is called',
        placeholder: 'SERVICE[.NAMESPACE]:PORT',
      }),
      namespace: NAMESPACE,
      ...REQUEST_SETTINGS,
    },
    examples: [
      {
        purpose: 'two services of one namespace',
        line: 'hauberk authz explain --namespace shop --from web --to api:8080',
      },
      {
        purpose: 'of two namespaces',
        line: 'hauberk authz explain --from web.shop --to pay.billing:443',
      },
      {
        purpose: 'one request, by the routes and rules for it',
        line: 'hauberk authz explain --from web.shop --to api.shop:8080 --method GET --path /orders',
      },
    ],
  },
  async (client, { from, to, namespace, json, ...given }, context) => {
    const { trustDomain } = client;
    const { version, document } = await client.getMeshConfig();
    const { authorization: policy, routes } = readStoredMeshConfig(document, 'mesh.yaml');
    const source = identityOf(from, { trustDomain, namespace });
    const destination = identityOf(to, { trustDomain, namespace });
    const seen = await seenIdentities(client);
    for (const { sentence, hint } of [source, destination].flatMap(
      (one) => neverSeen(one, seen) ?? [],
    )) {
      context.stderr.write(
        `hauberk authz explain: ${[sentence, hint].filter(Boolean).join('; ')}\n`,
      );
    }
    const asked: AccessRequest = { source, destination, port: to.port };
    const workloads = await client.listWorkloads();
    const enforcersOf = (service: ServicePort) => enforcersAt(workloads, service, service.port);
    const between = {
      from: formatIdentity(source, trustDomain),
      to: `${formatIdentity(destination, trustDomain)}:${to.port}`,
    };
    const request = askedRequest(given);
    const explained =
      request && explainRequest({ policy, routes, enforcersAt: enforcersOf }, asked, request);
    const ways = `${between.from} to ${between.to}`;
    if (request !== undefined && explained !== undefined && explained.kind !== 'unrouted') {
      if (json) return { ...between, ...requestDocument(request, explained), version };
      const { method, target } = request;
      return (
        `${requestVerdict(explained)}: ${method} ${target} from ${ways}\n` +
        `${requestText(explained)}by version ${version} of the mesh configuration\n`
      );
    }
    const called: ServicePort = { ...destination, port: to.port };
    const endpoints = enforcersOf(called);
    const access = explained?.backends[0]?.access ?? explainAccess(policy, asked, endpoints);
    const isRouted = routeTable(routes, called) !== undefined;
    if (json) {
      return {
        ...between,
        ...accessDocument(access),
        perRequest: isPerRequest(access),
        routed: isRouted,
        why: describeAccess(access),
        endpoints: access.endpoints.map(endpointDocument),
        version,
      };
    }
    const what = request === undefined ? '' : `${request.method} ${request.target} from `;
    const more = isRouted || isPerRequest(access) ? hintText(isRouted) : '';
    return (
      `${verdictText(access)}: ${what}${ways}\n` +
      `because ${describeAccess(access)}\n` +
      `by version ${version} of the mesh configuration${placesText(endpoints.length)}\n` +
      more +
      (verdictDocument(access.verdict) === null ? endpointTable(access.endpoints, endpoints) : '')
    );
  },
);

function hintText(isRouted: boolean): string {
  const why = isRouted
    ? 'its requests are sent by routes'
    : 'requests are decided about one by one';
  return `${why}: ask about one with --method and --path\n`;
}

function placesText(count: number): string {
  if (count === 0) return '; no known sidecar exposes this port';
  return count === 1 ? ', at 1 sidecar' : `, at ${count} sidecars`;
}

/** The one reason of all of them; undefined where they differ, or let the caller in. */
function sharedReason({ verdict, mesh, endpoints }: AccessExplanation): string | undefined {
  if (verdict !== 'refused') return undefined;
  if (!mesh.allowed) return mesh.reason;
  const decision = endpoints[0]?.decision;
  return decision?.allowed === false ? decision.reason : undefined;
}

function verdictText(access: AccessExplanation): string {
  switch (access.verdict) {
    case 'allowed':
      return 'allowed';
    case 'refused':
      return `refused (${sharedReason(access)})`;
    case 'differs':
      return 'differs between sidecars';
    case 'unknown':
      return 'unknown';
  }
}

function accessDocument(access: AccessExplanation): object {
  const { mesh, endpoints, verdict } = access;
  const byMesh = mesh.grounds.kind === 'rules' ? mesh.grounds.rules : [];
  const byFlag = endpoints.flatMap(({ decision }) =>
    decision?.allowed === false ? decision.rules : [],
  );
  return {
    allowed: verdictDocument(verdict),
    reason: sharedReason(access) ?? null,
    rules: mesh.allowed && verdict === 'refused' ? [...new Set(byFlag)] : byMesh,
    audited: mesh.allowed ? mesh.audited : [],
  };
}
