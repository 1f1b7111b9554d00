import { writeFile } from 'node:fs/promises';
import type { CommandSpec } from '../../common/config/settings.ts';
import { ConfigError } from '../../common/config/config-error.ts';
import { runCommand } from '../../common/config/run-command.ts';
import { systemReason } from '../../common/errors.ts';
import { askControlSocket } from '../../common/rpc/control-socket.ts';
import type { CliContext } from '../cli-context.ts';
import { DATA_DIR } from './ca/keys.ts';

const settings = { dataDir: DATA_DIR };

const spec: CommandSpec<typeof settings> = {
  name: 'hauberk backup',
  summary:
    'Backs up the state of the control plane to one file while it runs. The file is encrypted if the keys of the mesh are.',
  settings,
  operands: [{ name: 'file', description: 'the file to write; it must not exist yet' }],
  examples: [
    {
      purpose: 'a backup for every night',
      line: 'hauberk backup /backup/hauberk-$(date +%F) --data-dir /var/lib/hauberk',
    },
  ],
};

/** It may hold the private keys of the mesh. */
const FILE_MODE = 0o600;

/** `hauberk backup` */
export function run(context: CliContext): Promise<number> {
  return runCommand(spec, context, async ({ dataDir }, [file = '']) => {
    const { message, payload } = await askControlSocket(dataDir, { command: 'backup' });
    try {
      await writeFile(file, payload, { mode: FILE_MODE, flag: 'wx', flush: true });
    } catch (cause) {
      const sentence = `${file} cannot be written: ${systemReason(cause)}`;
      throw new ConfigError('setting-invalid', sentence, { cause });
    }
    context.stdout.write(`${message}: ${file}, ${payload.length} bytes\n`);
    return 0;
  });
}
