import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import {
  type CommandSpec,
  secretSetting,
  setting,
  type SettingsOf,
  type SettingsTable,
} from '../../../common/config/settings.ts';
import { ConfigError } from '../../../common/config/config-error.ts';
import { runCommand, type TextOutput } from '../../../common/config/run-command.ts';
import {
  readUnlockKeyFile,
  toPassphrase,
  type UnlockKey,
} from '../../../common/config/unlock-key.ts';
import { filePath, text } from '../../../common/config/values.ts';
import { askControlSocket, type ControlRequest } from '../../../common/rpc/control-socket.ts';
import type { CliContext } from '../../cli-context.ts';

/** Where the control plane is that a command controls by its socket. */
export const DATA_DIR = setting(filePath.default('./hauberk-data'), {
  description: "the control plane's data directory, on this host",
  placeholder: 'DIR',
});

type KeySettings = SettingsTable & { readonly dataDir: typeof DATA_DIR };

/** A command that asks the control plane of this host for a change of its keys, and shows its answer. */
function keyCommand<Table extends KeySettings>(
  spec: CommandSpec<Table>,
  toRequest: (settings: SettingsOf<Table>, stderr: TextOutput) => Promise<ControlRequest>,
): (context: CliContext) => Promise<number> {
  return (context) =>
    runCommand(spec, context, async (settings) => {
      const request = await toRequest(settings, context.stderr);
      const { message } = await askControlSocket(settings.dataDir, request);
      context.stdout.write(`${message}\n`);
      return 0;
    });
}

/** `hauberk ca lock` */
export const lockKeys = keyCommand(
  {
    name: 'hauberk ca lock',
    summary:
      'Locks the private keys of the mesh: the control plane issues nothing until they are unlocked. Sidecars continue with the certificates that they have.',
    settings: { dataDir: DATA_DIR },
  },
  () => Promise.resolve({ command: 'lock' }),
);

/** `hauberk ca unlock` */
export const unlockKeys = keyCommand(
  {
    name: 'hauberk ca unlock',
    summary:
      'Unlocks the private keys of the mesh in a control plane that was locked, or that was started without the passphrase or key file.',
    settings: {
      dataDir: DATA_DIR,
      unlockKeyFile: setting(filePath.optional(), {
        description:
          'the key file; without it and the variable, the command asks for the passphrase',
        placeholder: 'FILE',
      }),
      unlockPassphrase: secretSetting(text.optional(), { description: 'the passphrase' }),
    },
    examples: [
      { purpose: 'ask for the passphrase', line: 'hauberk ca unlock --data-dir /var/lib/hauberk' },
    ],
  },
  async ({ unlockKeyFile, unlockPassphrase }, stderr) => ({
    command: 'unlock',
    unlockKey: await keyOf('passphrase: ', unlockKeyFile, unlockPassphrase, stderr),
  }),
);

/** `hauberk ca rekey` */
export const rekey = keyCommand(
  {
    name: 'hauberk ca rekey',
    summary:
      'Encrypts the private keys of the mesh with another passphrase or key file, or for the first time.',
    settings: {
      dataDir: DATA_DIR,
      newKeyFile: setting(filePath.optional(), {
        description:
          'the new key file; without it and the variable, the command asks for a passphrase',
        placeholder: 'FILE',
      }),
      newPassphrase: secretSetting(text.optional(), { description: 'the new passphrase' }),
    },
    examples: [
      {
        purpose: 'use a key file that is kept elsewhere',
        line: 'hauberk ca rekey --data-dir /var/lib/hauberk --new-key-file /etc/hauberk.key',
      },
    ],
  },
  async ({ newKeyFile, newPassphrase }, stderr) => {
    const unlockKey = await keyOf('new passphrase: ', newKeyFile, newPassphrase, stderr);
    if (newKeyFile === undefined && newPassphrase === undefined && process.stdin.isTTY) {
      requireSame(unlockKey, await askSecret('once more: ', stderr));
    }
    return { command: 'rekey', unlockKey };
  },
);

async function keyOf(
  question: string,
  file: string | undefined,
  passphrase: string | undefined,
  stderr: TextOutput,
): Promise<UnlockKey> {
  if (file !== undefined) return readUnlockKeyFile(file);
  return toPassphrase(passphrase ?? (await askSecret(question, stderr)));
}

function requireSame(key: UnlockKey, again: string): void {
  if (key.kind === 'passphrase' && key.passphrase === again) return;
  throw new ConfigError('value-malformed', 'expected the same passphrase twice, got two');
}

/**
 * Asks for a secret on standard input: a person types it unseen, a program writes one line.
 *
 * @throws ConfigError `value-malformed` when nothing comes
 */
async function askSecret(question: string, stderr: TextOutput): Promise<string> {
  const { stdin } = process;
  if (stdin.isTTY) stderr.write(question);
  // What is typed goes nowhere.
  const output = new Writable({ write: (_chunk, _encoding, done) => done() });
  const lines = createInterface({ input: stdin, output, terminal: stdin.isTTY });
  try {
    for await (const line of lines) return line;
  } finally {
    lines.close();
    if (stdin.isTTY) stderr.write('\n');
  }
  throw new ConfigError('value-malformed', 'expected a passphrase on standard input, got nothing');
}
