import type { AccessRequest } from '../../common/authorization/decide.ts';
import { describeAccess } from '../../common/authorization/describe-access.ts';
import {
  type AccessExplanation,
  explainAccess,
} from '../../common/authorization/explain-access.ts';
import { setting } from '../../common/config/settings.ts';
import { readStoredMeshConfig } from '../../common/mesh-config/read-mesh-config.ts';
import { formatJson } from '../output/json.ts';
import { adminCommand } from './admin-command.ts';
import {
  endpointDocument,
  endpointsAt,
  endpointTable,
  verdictDocument,
} from './authz-endpoints.ts';
import { caller, servicePort, formatIdentity, identityOf, NAMESPACE } from './authz-settings.ts';
import { neverSeen, seenIdentities } from './unseen-names.ts';

/** `hauberk authz explain` */
export const run = adminCommand(
  {
    name: 'hauberk authz explain',
    summary:
      'Says whether a service may reach a port of another one, which rule decides, and why: by the policy of the mesh that is in force, and by what each sidecar of that service was told with --allow.',
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
    ],
  },
  async (client, { from, to, namespace, json }, context) => {
    const { trustDomain } = client;
    const { version, document } = await client.getMeshConfig();
    const policy = readStoredMeshConfig(document, 'mesh.yaml').authorization;
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
    const request: AccessRequest = { source, destination, port: to.port };
    const endpoints = endpointsAt(await client.listWorkloads(), destination, to.port);
    const access = explainAccess(policy, request, endpoints);
    const callerName = formatIdentity(source, trustDomain);
    const destinationName = `${formatIdentity(destination, trustDomain)}:${to.port}`;
    if (json) {
      return formatJson({
        from: callerName,
        to: destinationName,
        ...accessDocument(access),
        why: describeAccess(access),
        endpoints: access.endpoints.map(endpointDocument),
        version,
      });
    }
    return (
      `${verdictText(access)}: ${callerName} to ${destinationName}\n` +
      `because ${describeAccess(access)}\n` +
      `by version ${version} of the mesh configuration${placesText(endpoints.length)}\n` +
      (verdictDocument(access.verdict) === null ? endpointTable(access.endpoints, endpoints) : '')
    );
  },
);

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
