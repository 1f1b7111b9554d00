import { isAbsolute, join, relative } from 'node:path';
import { type Document, isMap, isScalar, isSeq, type Node } from 'yaml';
import { fieldsOf, resolveAlias } from '../yaml/yaml-fields.ts';
import { fillIn, type Variables } from './variables.ts';

/** Which folder relative paths count from, and which they shall count from. */
export interface Rebase {
  readonly from: string;
  readonly to: string;
  /** Tell whether a path that begins with a variable is a relative one. */
  readonly variables: Variables;
}

/** Where paths stand: from the top, `*` for any name or entry. What else they may be is told beside each. */
const PATHS: readonly (readonly [string, (text: string) => boolean])[] = [
  ['services.*.build', isContext],
  ['services.*.build.context', isContext],
  ['services.*.build.additional_contexts.*', isContext],
  ['services.*.credential_spec.file', isAny],
  ['services.*.develop.watch.*.path', isAny],
  ['services.*.env_file', isAny],
  ['services.*.env_file.*', isAny],
  ['services.*.env_file.*.path', isAny],
  ['services.*.extends.file', isAny],
  ['services.*.label_file', isAny],
  ['services.*.label_file.*', isAny],
  // A name without a dot in front is that of a volume.
  ['services.*.volumes.*', isDotted],
  ['services.*.volumes.*.source', isDotted],
  ['configs.*.file', isAny],
  ['secrets.*.file', isAny],
  ['volumes.*.driver_opts.device', isDotted],
];

/**
 * Rewrites the relative paths of a file, or of a part of it, so that they lead to the same places from another
 * folder (Compose specification: they count from the folder of the project).
 */
export function rebasePaths(document: Document, root: Node, rebase: Rebase): void {
  const { from, to, variables } = rebase;
  const way = relative(to, from) || '.';
  if (way === '.') return;
  const done = new Set<Node>();
  const rewrite = (node: Node, isPath: (text: string) => boolean): void => {
    if (!isScalar(node) || typeof node.value !== 'string' || done.has(node)) return;
    done.add(node);
    const text = node.value;
    const path = fillIn(text, variables).text;
    if (path === '' || isAbsolute(path) || path.startsWith('~') || !isPath(path)) return;
    // What begins with a variable must stay as it is written, or it could not be filled in.
    const led = text.startsWith('$') ? `${way}/${text}` : join(way, text);
    node.value = led.startsWith('.') ? led : `./${led}`;
  };
  const walk = (
    node: Node,
    [step, ...rest]: readonly string[],
    isPath: (text: string) => boolean,
  ): void => {
    if (step === undefined) rewrite(node, isPath);
    else if (step === '*' && isSeq(node)) {
      for (const item of node.items) walk(resolveAlias(document, item), rest, isPath);
    } else if (isMap(node)) {
      for (const { key, value } of fieldsOf(document, node).values()) {
        if (step === '*' || step === key) walk(value, rest, isPath);
      }
    }
  };
  for (const [path, isPath] of PATHS) walk(root, path.split('.'), isPath);
}

function isAny(): boolean {
  return true;
}

function isDotted(text: string): boolean {
  return text.startsWith('.');
}

/** Contexts may be elsewhere: a URL, a repository, an image, another service. */
function isContext(text: string): boolean {
  return !/^(?:[a-z][a-z0-9+.-]*:|git@|github\.com\/)/i.test(text);
}
