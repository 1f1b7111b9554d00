/** What docs/errors.md says of a code. */
export interface Explanation {
  readonly meaning: string;
  readonly remedy: string;
}

/**
 * Sections of docs/errors.md, the first that has a code counts: a failure of an edge is told of by either end, and an
 * event by the control plane.
 */
export const EDGE_SECTIONS = [
  'An incoming connection fails',
  'An outgoing connection fails',
  'A connection to a server outside fails',
  'A captured connection is refused',
  'A connection in plaintext fails',
  'A connection to a service with routes is refused',
  'A request to a service with routes is answered here',
  'A gateway ends a connection',
  'How carried connections end',
] as const;

/** The same for what the control plane tells of. */
export const EVENT_SECTIONS = [
  'The control plane refuses',
  'A connection to the control plane is refused before gRPC',
  'The dashboard refuses',
  'An HTTP port refuses',
  'The store and the authority',
  'The keys of the mesh',
] as const;

/** Finds what the page says of a code, in the first of the sections that has it. */
export function explanationOf(
  page: string,
  code: string,
  sections: readonly string[],
): Explanation | undefined {
  for (const section of sections) {
    const [, text = ''] = page.split(`\n## ${section}\n`);
    const [own = ''] = text.split('\n## ');
    const row = own.split('\n').find((line) => line.startsWith(`| \`${code}\` `));
    if (row === undefined) continue;
    const [, , meaning = '', remedy = ''] = row.split(/(?<!\\)\|/).map((cell) => cell.trim());
    return { meaning: withoutLinks(meaning), remedy: withoutLinks(remedy) };
  }
  return undefined;
}

/** The links lead to pages that are not served here. */
function withoutLinks(cell: string): string {
  return cell.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').replaceAll('\\|', '|');
}

let fetched: Promise<string> | undefined;

/** The page, fetched once. */
export function errorsPage(): Promise<string> {
  fetched ??= fetch('/app/errors.md').then((response) => (response.ok ? response.text() : ''));
  return fetched;
}
