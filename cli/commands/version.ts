import { type CommandSpec, switchSetting } from '../../common/config/settings.ts';
import { runCommand } from '../../common/config/run-command.ts';
import { SOFTWARE_VERSION } from '../../common/process/version.ts';
import type { CliContext } from '../cli-context.ts';
import { formatJson } from '../output/json.ts';

const settings = { json: switchSetting({ description: 'print JSON (docs/json-output.md)' }) };

const spec: CommandSpec<typeof settings> = {
  name: 'hauberk version',
  summary: 'Prints the version of Hauberk and of the Node.js that it runs on.',
  settings,
};

/** `hauberk version` */
export function run(context: CliContext): Promise<number> {
  return runCommand(spec, context, async ({ json }) => {
    const node = process.versions.node;
    const text = json
      ? formatJson({ version: SOFTWARE_VERSION, node })
      : `hauberk ${SOFTWARE_VERSION} (Node.js ${node})\n`;
    context.stdout.write(text);
    return 0;
  });
}
