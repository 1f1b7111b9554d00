import { isMap, isSeq, type Node } from 'yaml';
import { didYouMean } from '../../../common/nearest-name.ts';
import { ComposeError } from '../compose-error.ts';
import type { ComposeFile } from '../source/compose-file.ts';
import { KNOWN_KEYS } from './known-keys.ts';
import { fieldsOf, resolveAlias } from '../yaml/yaml-fields.ts';

/** Names under these keys are the user's own. */
const NAMED = new Set([...KNOWN_KEYS.keys()].filter((path) => path.endsWith('.*')));

/** Finds the keys that the Compose specification does not have. */
export function findUnknownKeys(file: ComposeFile): readonly ComposeError[] {
  const problems = new Map<Node, ComposeError>();
  walk(file.root, '', []);
  return [...problems.values()];

  function walk(node: Node, path: string, names: readonly string[]): void {
    if (isSeq(node)) {
      if (!NAMED.has(`${path}.*`)) return;
      for (const item of node.items) walk(resolveAlias(file.document, item), `${path}.*`, names);
    }
    if (!isMap(node)) return;
    const known = KNOWN_KEYS.get(path);
    for (const { key, keyNode, value } of fieldsOf(file.document, node).values()) {
      const child = path === '' ? key : `${path}.${key}`;
      if (known === undefined) {
        if (NAMED.has(`${path}.*`)) walk(value, `${path}.*`, [...names, key]);
      } else if (!known.includes(key) && !key.startsWith('x-')) {
        const sentence = `the key ${JSON.stringify(key)} is not one of the Compose specification`;
        const problem = new ComposeError('key-unknown', sentence, {
          location: file.locationOf(keyNode),
          service: path.startsWith('services.*') ? names[0] : undefined,
          hint: didYouMean(key, known, 1) ?? 'remove it, or begin it with x-',
        });
        problems.set(keyNode, problem);
      } else {
        walk(value, child, names);
      }
    }
  }
}
