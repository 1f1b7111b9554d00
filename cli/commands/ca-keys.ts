import type { CommandSpec } from '../../common/config/command-spec.ts';
import { ConfigError } from '../../common/config/config-error.ts';
import { runCommand, type TextOutput } from '../../common/config/run-command.ts';
import { secretSetting, setting } from '../../common/config/settings.ts';
import { readUnlockKeyFile, toPassphrase, type UnlockKey } from '../../common/config/unlock-key.ts';
import { filePath, text } from '../../common/config/values.ts';
import { askControlSocket } from '../../common/rpc/control-socket.ts';
import type { CliContext } from '../cli-context.ts';
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';

const dataDir = setting(filePath.default('./hauberk-data'), {
  description: "the control plane's data directory, on this host",
  placeholder: 'DIR',
});

const lockSettings = { dataDir };

const unlockSettings = {
  dataDir,
  unlockKeyFile: setting(filePath.optional(), {
    description: 'the key file; without it and the variable, the command asks for the passphrase',
    placeholder: 'FILE',
  }),
  unlockPassphrase: secretSetting(text.optional(), { description: 'the passphrase' }),
};

const rekeySettings = {
  dataDir,
  newKeyFile: setting(filePath.optional(), {
    description: 'the new key file; without it and the variable, the command asks for a passphrase',
    placeholder: 'FILE',
  }),
  newPassphrase: secretSetting(text.optional(), { description: 'the new passphrase' }),
};

const lockSpec: CommandSpec<typeof lockSettings> = {
  name: 'hauberk ca lock',
  summary:
    'Locks the private keys of the mesh: the control plane issues nothing until they are unlocked. Sidecars continue with the certificates that they have.',
  settings: lockSettings,
};

const unlockSpec: CommandSpec<typeof unlockSettings> = {
  name: 'hauberk ca unlock',
  summary:
    'Unlocks the private keys of the mesh in a control plane that was locked, or that was started without the passphrase or key file.',
  settings: unlockSettings,
  examples: [
    { purpose: 'ask for the passphrase', line: 'hauberk ca unlock --data-dir /var/lib/hauberk' },
  ],
};

const rekeySpec: CommandSpec<typeof rekeySettings> = {
  name: 'hauberk ca rekey',
  summary:
    'Encrypts the private keys of the mesh with another passphrase or key file, or for the first time.',
  settings: rekeySettings,
  examples: [
    {
      purpose: 'use a key file that is kept elsewhere',
      line: 'hauberk ca rekey --data-dir /var/lib/hauberk --new-key-file /etc/hauberk.key',
    },
  ],
};

/** `hauberk ca lock` */
export function caLock(context: CliContext): Promise<number> {
  return runCommand(lockSpec, context, async (settings) => {
    const { message } = await askControlSocket(settings.dataDir, { command: 'lock' });
    context.stdout.write(`${message}\n`);
    return 0;
  });
}

/** `hauberk ca unlock` */
export function caUnlock(context: CliContext): Promise<number> {
  return runCommand(unlockSpec, context, async (settings) => {
    const { unlockKeyFile, unlockPassphrase } = settings;
    const unlockKey = await keyOf('passphrase: ', unlockKeyFile, unlockPassphrase, context.stderr);
    const request = { command: 'unlock', unlockKey } as const;
    const { message } = await askControlSocket(settings.dataDir, request);
    context.stdout.write(`${message}\n`);
    return 0;
  });
}

/** `hauberk ca rekey` */
export function caRekey(context: CliContext): Promise<number> {
  return runCommand(rekeySpec, context, async (settings) => {
    const { newKeyFile, newPassphrase } = settings;
    const { stderr } = context;
    const unlockKey = await keyOf('new passphrase: ', newKeyFile, newPassphrase, stderr);
    if (newKeyFile === undefined && newPassphrase === undefined && process.stdin.isTTY) {
      requireSame(unlockKey, await askSecret('once more: ', stderr));
    }
    const request = { command: 'rekey', unlockKey } as const;
    const { message } = await askControlSocket(settings.dataDir, request);
    context.stdout.write(`${message}\n`);
    return 0;
  });
}

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
