import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { within } from '../deadline.ts';
import type { Scope } from '../scope.ts';

/** What one end of a transfer has sent and received. */
export interface BulkReport {
  readonly sent: { readonly bytes: number; readonly sha256: string };
  readonly received: { readonly bytes: number; readonly sha256: string };
}

/** One end of a transfer, in a process of its own so that both ends compute at once. */
export interface BulkPeer {
  /** Where it listens. */
  readonly port: number;
  /** Resolves when both directions have ended. */
  readonly report: Promise<BulkReport>;
}

const program = fileURLToPath(new URL('bulk-peer/main.ts', import.meta.url));

/** A gigabyte each way takes seconds; this ends a transfer that hangs. */
const DEADLINE_MS = 80_000;

/** Starts an application that exchanges so many bytes with whoever connects first. */
export async function startBulkServer(scope: Scope, bytes: number): Promise<BulkPeer> {
  const nextLine = run(scope, ['listen', String(bytes)]);
  const { port } = JSON.parse(await nextLine()) as { port: number };
  return { port, report: reportOf(nextLine) };
}

/** Connects to a local port and exchanges so many bytes with what is behind it. */
export function startBulkClient(scope: Scope, bytes: number, port: number): BulkPeer {
  return { port, report: reportOf(run(scope, ['connect', String(bytes), String(port)])) };
}

async function reportOf(nextLine: () => Promise<string>): Promise<BulkReport> {
  return JSON.parse(await nextLine()) as BulkReport;
}

function run(scope: Scope, args: readonly string[]): () => Promise<string> {
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', program, ...args],
    {
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  scope.teardown(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill('SIGKILL');
    await once(child, 'exit');
  });
  return async () => {
    const line = await within(`the bulk peer (${args[0]}) reports`, lines.next(), DEADLINE_MS);
    if (line.done === true) throw new Error(`the bulk peer (${args[0]}) ended without a report`);
    return line.value;
  };
}
