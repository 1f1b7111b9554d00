import { enforcersAt } from '../../../common/authorization/enforcers-at.ts';
import { whoCanReach } from '../../../common/authorization/who-can-reach.ts';
import { ConfigError } from '../../../common/config/config-error.ts';
import { readStoredMeshConfig } from '../../../common/mesh-config/read-mesh-config.ts';
import { switchSetting } from '../../../common/config/settings.ts';
import { formatTable } from '../../output/table.ts';
import { adminCommand } from '../../admin/admin-command.ts';
import {
  knownIdentities,
  reachabilityDocument,
  reachabilityRows,
  restSentence,
} from './reachability.ts';
import {
  formatIdentity,
  identityOf,
  NAMESPACE,
  readServicePort,
} from '../../names/name-arguments.ts';
import { neverSeen, seenIdentities } from '../../names/unseen-names.ts';

const HEADER = ['CALLER', 'KNOWN', 'WHY'];

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
    const known = knownIdentities(workloads, trustDomain);
    const reachability = whoCanReach(
      policy,
      { destination, port: typed.port },
      { known, enforcers: enforcersAt(workloads, destination, typed.port) },
    );
    const context = { known, trustDomain };
    if (json) return { version, ...reachabilityDocument(reachability, context) };
    const lines = reachabilityRows(reachability, context);
    const place = `${formatIdentity(destination, trustDomain)}:${typed.port}`;
    const table = lines.length === 0 ? '' : formatTable(HEADER, lines);
    return `${table}${restSentence(reachability, place)}, by version ${version} of the mesh configuration\n`;
  },
);
