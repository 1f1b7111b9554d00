/** A table in Markdown. */
export function markdownTable(
  head: readonly string[],
  rows: readonly (readonly string[])[],
): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(escapeMarkdown).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

/** What programs say about their failures must not become Markdown. */
export function escapeMarkdown(text: string): string {
  return text
    .replaceAll('|', '\\|')
    .replace(/<(?=[a-z/!])/gi, '&lt;')
    .replaceAll('\n', ' ');
}

/** Whether a target is met, where there is one. */
export function markdownVerdict(met: boolean | undefined): string {
  return met === undefined ? '' : met ? 'yes' : '**no**';
}

/** What a run was made on. */
export interface MeasuredOn {
  readonly startedAt: string;
  readonly command: string;
  readonly machine: {
    readonly processor: string;
    readonly cores: number;
    readonly memoryGiB: number;
    readonly kernel: string;
    readonly node: string;
  };
}

/** When, how and on what a run was made, as the beginning of a sentence. */
export function describeRun({ startedAt, command, machine }: MeasuredOn): string {
  const { processor, cores, memoryGiB, kernel, node } = machine;
  return `Made on ${startedAt.slice(0, 10)} with \`${command}\` on ${processor}, ${cores} cores, ${memoryGiB} GiB, ${kernel}, Node.js ${node}`;
}
