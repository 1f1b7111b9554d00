import { setting, switchSetting } from '../../common/config/settings.ts';
import { integer } from '../../common/config/values.ts';
import { formatJson } from '../output/json.ts';
import { formatMoment, toTimestamp } from '../output/relative-time.ts';
import { formatTable } from '../output/table.ts';
import { adminCommand } from './admin-command.ts';
import {
  awaitSidecars,
  formatDifference,
  formatOutcome,
  outcomeDocument,
} from './mesh-config-report.ts';

const HEADER = ['VERSION', 'APPLIED', 'BY'];

/** `hauberk rollback` */
export const run = adminCommand(
  {
    name: 'hauberk rollback',
    summary:
      'Applies an earlier version of the configuration of the mesh again. It becomes the next version, so that a rollback can itself be rolled back.',
    settings: {
      to: setting(integer({ min: 0, max: 1e9 }).optional(), {
        description: 'the version to go back to; 0 is a mesh without configuration',
        placeholder: 'VERSION',
        defaultText: 'the previous version',
      }),
      list: switchSetting({ description: 'list the versions and change nothing' }),
    },
    examples: [
      { purpose: 'return to the previous version', line: 'hauberk rollback' },
      { purpose: 'list the versions', line: 'hauberk rollback --list' },
    ],
  },
  async (client, { to, list, json }, context) => {
    const { clock } = context;
    if (list) {
      const versions = await client.listMeshConfigs();
      if (json) {
        return formatJson({
          versions: versions.map(({ version, appliedMs, origin }) => ({
            version,
            appliedAt: appliedMs === 0 ? null : toTimestamp(appliedMs),
            origin,
          })),
        });
      }
      const rows = versions.map(({ version, appliedMs, origin }) => [
        version,
        appliedMs === 0 ? '' : formatMoment(appliedMs, clock.epochMs()),
        origin,
      ]);
      return formatTable(HEADER, rows);
    }
    const before = await client.getMeshConfig();
    const outcome = await client.rollbackMeshConfig(to);
    const difference = formatDifference(before.document, outcome.config.document);
    const progress = await awaitSidecars(client, outcome, clock);
    if (json) return formatJson({ ...outcomeDocument(outcome, progress), difference });
    return (outcome.changed ? difference : '') + formatOutcome(outcome, progress);
  },
);
