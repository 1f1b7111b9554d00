import { structuredPatch } from 'diff';

/** Lines around a change that show where it is. */
const CONTEXT_LINES = 3;

/** What is different between two documents, in the usual notation; empty when nothing is. */
export function formatDifference(before: string, after: string): string {
  const { hunks } = structuredPatch('', '', before, after, '', '', { context: CONTEXT_LINES });
  return hunks
    .map(({ oldStart, oldLines, newStart, newLines, lines }) =>
      [`@@ -${oldStart},${oldLines} +${newStart},${newLines} @@`].concat(lines).join('\n'),
    )
    .map((hunk) => `${hunk}\n`)
    .join('');
}
