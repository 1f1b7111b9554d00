import { execFile, spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';
import type { Scope } from '../../scope.ts';
import { temporaryDirectory } from '../../machine/temporary-directory.ts';

const SOURCE = path.join(import.meta.dirname, 'client.c');

/** What is sent: see client.c. */
export type FloodKind = 'update' | 'requested' | 'hidden' | 'bytes';

/** One flood of one connection. */
export interface FloodOptions {
  readonly port: number;
  readonly kind: FloodKind;
  readonly seconds: number;
  readonly alpn: 'h2' | 'http/1.1';
  /** In PEM; without them as a stranger. */
  readonly credentials?: { readonly cert: string; readonly key: string } | undefined;
}

/** A flood that has begun. */
export interface Flood {
  /** Whether the other side ended the connection, or it was open when the time was over. */
  readonly outcome: Promise<'ended' | 'open'>;
}

/** Compiles the client; returns what starts it, and ends it with the scope. */
export async function buildFlood(scope: Scope): Promise<(options: FloodOptions) => Promise<Flood>> {
  const directory = await temporaryDirectory();
  scope.teardown(() => directory[Symbol.asyncDispose]());
  const program = path.join(directory.path, 'client');
  await promisify(execFile)('cc', ['-O2', '-o', program, SOURCE, '-lssl', '-lcrypto']);
  return async ({ port, kind, seconds, alpn, credentials }) => {
    const files: string[] = [];
    for (const [name, text] of Object.entries(credentials ?? {}).sort()) {
      const file = path.join(directory.path, `${name}.pem`);
      await writeFile(file, text, { mode: 0o600 });
      files.push(file);
    }
    const words = [String(port), kind, String(seconds), alpn, ...files];
    const child = spawn(program, words, { stdio: ['ignore', 'pipe', 'inherit'] });
    scope.teardown(() => void child.kill('SIGKILL'));
    // Keeps what comes: a flood that is ended at once says both in one piece.
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    const next = async (): Promise<string> => String((await lines.next()).value);
    const first = await next();
    if (first !== 'begun') throw new Error(`the flood did not begin: ${first}`);
    const outcome = next().then((last) => {
      if (last !== 'ended' && last !== 'open') throw new Error(`the flood said ${last}`);
      return last;
    });
    return { outcome };
  };
}
