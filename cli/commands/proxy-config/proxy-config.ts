import { ConfigError } from '../../../common/config/config-error.ts';
import { listSetting } from '../../../common/config/settings.ts';
import { choice } from '../../../common/config/values.ts';
import type { AdminClient, WorkloadInfo } from '../../admin/client.ts';
import { adminCommand } from '../../admin/admin-command.ts';
import { readName } from '../../names/name-arguments.ts';
import { SECTIONS, stateDocument, stateText } from './report.ts';

/** `hauberk proxy-config INSTANCE` */
export const run = adminCommand(
  {
    name: 'hauberk proxy-config',
    summary:
      'Shows what a sidecar believes, from the sidecar itself: its certificate and the roots that it trusts, its view of the mesh, listeners, endpoints, tunnels, policy, routes and limits. There is no secret in it: values of header fields and of query parameters are hidden.',
    settings: {
      section: listSetting(choice(SECTIONS), {
        description: `only this part: ${SECTIONS.join(', ')}; again for another one`,
        placeholder: 'PART',
      }),
    },
    operands: [
      {
        name: 'INSTANCE',
        description:
          'the instance id of a sidecar or what it begins with, or SERVICE[.NAMESPACE] where there is only one of it',
      },
    ],
    examples: [
      { purpose: 'everything', line: 'hauberk proxy-config 7f3a2c' },
      {
        purpose: 'where the only sidecar of a service sends calls',
        line: 'hauberk proxy-config web.shop --section endpoints --section tunnels',
      },
    ],
    notes: [
      'The control plane asks the sidecar over the stream that it has. One that is away, or of a version that cannot be asked, is named with what to do, and the exit code is 1.',
    ],
  },
  async (client, { section, json }, context) => {
    const sidecar = await findSidecar(client, context.operands[0] ?? '');
    const { instanceId, spiffeId } = sidecar;
    const state = await client.sidecarState(instanceId);
    const sections = section.length === 0 ? SECTIONS : section;
    if (json) return { instance: instanceId, spiffeId, ...stateDocument(state, sections) };
    const shown = { nowMs: context.clock.epochMs(), trustDomain: client.trustDomain };
    return `${instanceId} of ${spiffeId}\n\n${stateText(state, sections, shown)}`;
  },
);

/** The sidecar that a word on the command line means. @throws ConfigError when it is none, or several */
async function findSidecar(client: AdminClient, word: string): Promise<WorkloadInfo> {
  const all = await client.listWorkloads();
  const exact = all.find(({ instanceId }) => instanceId === word);
  if (exact !== undefined) return exact;
  const name = readName(word);
  const ofService = all.filter(
    ({ service, namespace }) =>
      service === name?.service && (name.namespace ?? namespace) === namespace,
  );
  const meant =
    ofService.length > 0 ? ofService : all.filter(({ instanceId }) => instanceId.startsWith(word));
  const [only, ...others] = meant;
  if (only !== undefined && others.length === 0) return only;
  const shown = JSON.stringify(word.slice(0, 64));
  const ids = meant.slice(0, 10).map(({ instanceId }) => instanceId);
  throw only === undefined
    ? new ConfigError('setting-invalid', `expected the instance id of a sidecar, got ${shown}`, {
        hint: 'hauberk status --json lists them as `instance`',
      })
    : new ConfigError('setting-invalid', `${shown} could be ${meant.length} sidecars`, {
        hint: `name one of ${ids.join(', ')}`,
      });
}
