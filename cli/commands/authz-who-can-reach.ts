import { enforcersAt } from '../../common/authorization/enforcers-at.ts';
import { describeAccess } from '../../common/authorization/describe-access.ts';
import { isPerRequest } from '../../common/authorization/explain-access.ts';
import { whoCanReach } from '../../common/authorization/who-can-reach.ts';
import { ConfigError } from '../../common/config/config-error.ts';
import { readStoredMeshConfig } from '../../common/mesh-config/read-mesh-config.ts';
import { switchSetting } from '../../common/config/settings.ts';
import { formatJson } from '../output/json.ts';
import { formatTable } from '../output/table.ts';
import { adminCommand } from './admin-command.ts';
import { endpointDocument, verdictDocument } from './authz-endpoints.ts';
import { formatIdentity, identityOf, NAMESPACE, readServicePort } from './authz-settings.ts';
import { neverSeen, seenIdentities } from './unseen-names.ts';

const HEADER = ['CALLER', 'KNOWN', 'WHY'];

/** What is to be said of those who are not in the list. */
const REST = {
  allowed: 'every other workload of the mesh may also',
  refused: 'no other caller may',
  differs: 'at some of its sidecars every other workload of the mesh may also',
  unknown: 'unless --allow of a sidecar says otherwise, every other workload of the mesh may also',
} as const;

/** `hauberk authz who-can-reach SERVICE[.NAMESPACE]:PORT` */
export const run = adminCommand(
  {
    name: 'hauberk authz who-can-reach',
    summary:
      'Lists who may reach a port of a service, by the policy of the mesh that is in force and by --allow of its sidecars: the services that the control plane knows, and those that are named there.',
    settings: {
      namespace: NAMESPACE,
      force: switchSetting({
        description: 'answer even for a service that the mesh has never seen',
      }),
    },
    operands: [{ name: 'SERVICE[.NAMESPACE]:PORT', description: 'who is called' }],
    examples: [
      {
        purpose: 'who may reach a port of a service',
        line: 'hauberk authz who-can-reach api.shop:8080',
      },
    ],
  },
  async (client, given, { operands: [operand = ''] }) => {
    const { namespace, force, json } = given;
    const typed = readServicePort(operand);
    if (typed === undefined) {
      const sentence = `expected SERVICE[.NAMESPACE]:PORT, got ${JSON.stringify(operand)}`;
      throw new ConfigError('value-malformed', sentence, { hint: 'as in api.shop:8080' });
    }
    const { trustDomain } = client;
    const { version, document } = await client.getMeshConfig();
    const policy = readStoredMeshConfig(document, 'mesh.yaml').authorization;
    const destination = identityOf(typed, { trustDomain, namespace });
    const unseen = force ? undefined : neverSeen(destination, await seenIdentities(client));
    if (unseen !== undefined) {
      const hint = `${unseen.hint ?? 'see `hauberk status`'}; --force answers anyway`;
      throw new ConfigError('value-malformed', unseen.sentence, { hint });
    }
    const workloads = await client.listWorkloads();
    const known = new Map(
      workloads.map((one) => [
        `${one.service}.${one.namespace}`,
        { trustDomain, namespace: one.namespace, service: one.service },
      ]),
    );
    const destinationPort = { destination, port: typed.port };
    const enforcers = enforcersAt(workloads, destination, typed.port);
    const reachability = whoCanReach(policy, destinationPort, {
      known: [...known.values()],
      enforcers,
    });
    const { callers, openNames, everyOther, everyOtherPerRequest } = reachability;
    const rows = callers.map(({ identity, access }) => {
      const name = formatIdentity(identity, trustDomain);
      return {
        caller: name,
        known: known.has(name),
        allowed: verdictDocument(access.verdict),
        perRequest: isPerRequest(access),
        why: describeAccess(access),
        endpoints: access.endpoints.map(endpointDocument),
      };
    });
    if (json) {
      const others = verdictDocument(everyOther);
      return formatJson({
        version,
        callers: rows,
        openNames,
        everyOther: others,
        everyOtherPerRequest,
      });
    }
    const lines = [
      ...rows.map(({ caller, known: isKnown, why }) => [caller, isKnown ? 'yes' : 'no', why]),
      ...openNames.map(({ name, rule, perRequest }) => {
        const why = `the rule ${rule} allows such names`;
        return [name, '-', perRequest ? `${why} some requests` : why];
      }),
    ];
    const place = `${formatIdentity(destination, trustDomain)}:${typed.port}`;
    const table = lines.length === 0 ? '' : formatTable(HEADER, lines);
    const some = everyOtherPerRequest ? ' with some requests' : '';
    return `${table}${REST[everyOther]} reach ${place}${some}, by version ${version} of the mesh configuration\n`;
  },
);
