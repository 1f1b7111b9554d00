import { setTimeout as pause } from 'node:timers/promises';
import { structuredPatch } from 'diff';
import type { MonotonicClock } from '../../common/clock.ts';
import type { AdminClient, MeshConfigOutcome } from '../client.ts';

/** Lines around a change that show where it is. */
const CONTEXT_LINES = 3;

/** How long a person waits for the slowest sidecar; the usual one has it within a tenth of a second. */
const WAIT_MS = 5_000;
const ASK_INTERVAL_MS = 100;

/** What is different, in the usual notation; empty when nothing is. */
export function formatDifference(before: string, after: string): string {
  const { hunks } = structuredPatch('', '', before, after, '', '', { context: CONTEXT_LINES });
  return hunks
    .map(({ oldStart, oldLines, newStart, newLines, lines }) =>
      [`@@ -${oldStart},${oldLines} +${newStart},${newLines} @@`].concat(lines).join('\n'),
    )
    .map((hunk) => `${hunk}\n`)
    .join('');
}

/** How far a change has come. */
export interface Progress {
  readonly connected: number;
  readonly reached: number;
}

/** Waits until all connected sidecars have a change, or for some seconds. */
export async function awaitSidecars(
  client: Pick<AdminClient, 'listWorkloads'>,
  { viewVersion }: MeshConfigOutcome,
  clock: MonotonicClock,
): Promise<Progress> {
  const deadlineMs = clock.monotonicMs() + WAIT_MS;
  for (;;) {
    const connected = (await client.listWorkloads()).filter((workload) => workload.connected);
    const reached = connected.filter((workload) => workload.acknowledgedVersion >= viewVersion);
    const progress = { connected: connected.length, reached: reached.length };
    if (progress.reached === progress.connected || clock.monotonicMs() >= deadlineMs)
      return progress;
    // A timer of the clock would not keep the process alive.
    await pause(ASK_INTERVAL_MS);
  }
}

/** What a change led to, in one sentence. */
export function formatOutcome(
  { config, changed }: MeshConfigOutcome,
  { connected, reached }: Progress,
): string {
  const { version } = config;
  if (!changed) return `version ${version} is in force already\n`;
  const where = `in use by ${reached} of ${connected} connected sidecars`;
  return `version ${version} of the mesh configuration is in force, ${where}\n`;
}

/** What a change led to, as `--json` prints it; docs/json-output.md describes it. */
export function outcomeDocument(
  { config, changed }: MeshConfigOutcome,
  progress: Progress,
): object {
  return { version: config.version, changed, sidecars: progress };
}
