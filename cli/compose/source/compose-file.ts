import { resolve } from 'node:path';
import {
  type Document,
  isMap,
  LineCounter,
  type Node,
  parseDocument,
  visit,
  type YAMLMap,
} from 'yaml';
import { lowerFirst } from '../../../common/config/config-error.ts';
import { describeError } from '../../../common/errors.ts';
import { ComposeError, type SourceLocation } from '../compose-error.ts';

/** A Compose file as it was read. */
export interface ComposeFile {
  /** As the person named it. */
  readonly path: string;
  /** Where it is: an absolute path. */
  readonly place: string;
  readonly text: string;
  readonly document: Document;
  readonly root: YAMLMap;
  /** The line that a node begins on, in the file that it was read from, also as a copy in another one. */
  locationOf(node: Node | undefined): SourceLocation;
}

/** The largest projects have some thousands of lines; what is larger is another file. */
const MAX_FILE_CHARACTERS = 1024 * 1024;

/** Far more aliases than people write, far fewer than a file made to fill the memory. */
const MAX_ALIASES = 10_000;

/**
 * Numbers are not read as numbers, so that `0440`, `1.50` and `22:22` are written back as they were:
 * programs that read YAML 1.1 and 1.2 disagree about them, and it is not ours to decide.
 */
const KEPT_TAGS = /:(?:map|seq|str|null|bool)$/;

/**
 * Reads a Compose file: YAML whose top level is a mapping, or that is empty.
 *
 * @throws ComposeError `yaml-malformed` or `not-compose`
 */
export function parseComposeFile(
  text: string,
  path: string,
  place: string = resolve(path),
): ComposeFile {
  const lines = new LineCounter();
  const location = (offset: number): SourceLocation => ({
    file: path,
    line: lines.linePos(offset).line || 1,
  });
  if (text.length > MAX_FILE_CHARACTERS) {
    throw new ComposeError('not-compose', 'the file is larger than 1 MiB', {
      location: location(0),
    });
  }
  const document: Document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    customTags: (tags) => tags.filter((tag) => typeof tag !== 'string' && KEPT_TAGS.test(tag.tag)),
  });
  const [problem] = document.errors;
  if (problem !== undefined) {
    const sentence = `this is not valid YAML: ${lowerFirst(problem.message)}`;
    throw new ComposeError('yaml-malformed', sentence, { location: location(problem.pos[0]) });
  }
  refuseEndlessAliases(document, location(0));
  // One of several may be empty: projects keep it for others to fill.
  document.contents ??= document.createNode({});
  const root = document.contents;
  if (!isMap(root)) {
    const sentence = 'a Compose file was expected, which is a mapping with the key "services"';
    throw new ComposeError('not-compose', sentence, { location: location(0) });
  }
  visit(document, { Node: (_, node) => void ((node as Located)[ORIGIN] = location) });
  const locationOf: ComposeFile['locationOf'] = (node) =>
    ((node as Located | undefined)?.[ORIGIN] ?? location)(node?.range?.[0] ?? 0);
  return { path, place, text, document, root, locationOf };
}

/** What tells the line of a node in the file that it came from: copies of a node have it too. */
const ORIGIN = Symbol('origin');

interface Located {
  [ORIGIN]?: (offset: number) => SourceLocation;
}

function refuseEndlessAliases(document: Document, location: SourceLocation): void {
  try {
    document.toJS({ maxAliasCount: MAX_ALIASES });
  } catch (cause) {
    const sentence = `this is not valid YAML: ${describeError(cause)}`;
    throw new ComposeError('yaml-malformed', sentence, { location, cause });
  }
}
