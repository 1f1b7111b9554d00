import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import { ConfigError } from '../common/config/config-error.ts';
import type { TextOutput } from '../common/config/run-command.ts';

/**
 * Asks for a secret on standard input: a person types it unseen, a program writes one line.
 *
 * @throws ConfigError `value-malformed` when nothing comes
 */
export async function askSecret(question: string, stderr: TextOutput): Promise<string> {
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
