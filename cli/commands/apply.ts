import { readFileSync } from 'node:fs';
import { ConfigError } from '../../common/config/config-error.ts';
import { setting, switchSetting } from '../../common/config/settings.ts';
import { filePath } from '../../common/config/values.ts';
import { systemErrorCode } from '../../common/errors.ts';
import type { MeshConfig } from '../../common/mesh-config/mesh-config.ts';
import { MeshConfigError } from '../../common/mesh-config/mesh-config-error.ts';
import { readMeshConfig } from '../../common/mesh-config/read-mesh-config.ts';
import { formatJson } from '../output/json.ts';
import { adminCommand } from './admin-command.ts';
import {
  awaitSidecars,
  formatDifference,
  formatOutcome,
  outcomeDocument,
} from './mesh-config-report.ts';
import { seenIdentities, unseenNames } from './unseen-names.ts';

/** `hauberk apply -f FILE` */
export const run = adminCommand(
  {
    name: 'hauberk apply',
    summary:
      'Applies a configuration of the mesh: checks it, shows what changes, stores it as the next version, and waits until the connected sidecars use it.',
    settings: {
      file: setting(filePath, {
        description: 'file with the configuration of the mesh',
        placeholder: 'FILE',
        letter: 'f',
      }),
      dryRun: switchSetting({
        description: 'check the file and show what would change, without applying it',
      }),
    },
    examples: [
      { purpose: 'show what would change', line: 'hauberk apply -f mesh.yaml --dry-run' },
      { purpose: 'apply the file', line: 'hauberk apply -f mesh.yaml' },
    ],
    notes: [
      'docs/authorization.md describes the file; hauberk rollback returns to an earlier version.',
    ],
  },
  async (client, { file, dryRun, json }, context) => {
    const { clock, stderr } = context;
    const complain = (line: string): void => void stderr.write(`hauberk apply: ${line}\n`);
    const { document, config } = readDocument(file, complain);
    unseenNames(config, await seenIdentities(client)).forEach(complain);
    const current = await client.getMeshConfig();
    const difference = formatDifference(current.document, document);
    const outcome = await client.applyMeshConfig(document, {
      baseVersion: current.version,
      dryRun,
    });
    if (dryRun) {
      const changed = difference !== '';
      if (json) return formatJson({ version: current.version, changed, difference });
      if (!changed) return `nothing would change, version ${current.version} says the same\n`;
      return `${difference}\nnothing was changed, version ${current.version} stays in force\n`;
    }
    const progress = await awaitSidecars(client, outcome, clock);
    if (json) return formatJson({ ...outcomeDocument(outcome, progress), difference });
    return (outcome.changed ? difference : '') + formatOutcome(outcome, progress);
  },
);

/** Reads and checks it here, so that every mistake is told with its place in the file. */
function readDocument(
  path: string,
  complain: (line: string) => void,
): { readonly document: string; readonly config: MeshConfig } {
  let document: string;
  try {
    document = readFileSync(path, 'utf8');
  } catch (cause) {
    const code = systemErrorCode(cause) ?? 'unknown error';
    throw code === 'ENOENT'
      ? new ConfigError('file-missing', `there is no file ${path}`, { cause })
      : new ConfigError('file-unreadable', `${path} cannot be read (${code})`, { cause });
  }
  try {
    return { document, config: readMeshConfig(document, path) };
  } catch (error) {
    if (!(error instanceof MeshConfigError)) throw error;
    const { problems, message } = error;
    if (problems.length === 1) throw new ConfigError('file-malformed', message, { cause: error });
    for (const { line, column, sentence } of problems) {
      complain(`${path}:${line}:${column}: ${sentence}`);
    }
    const sentence = `${path} has ${problems.length} mistakes, and was not applied`;
    throw new ConfigError('file-malformed', sentence, { cause: error });
  }
}
