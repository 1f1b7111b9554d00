import { isMap, isSeq, type Node } from 'yaml';
import { nearestName } from '../../common/nearest-name.ts';
import { ComposeError } from './compose-error.ts';
import type { ComposeFile } from './compose-file.ts';
import { KNOWN_KEYS } from './known-keys.ts';
import { fieldsOf, resolveAlias } from './yaml-fields.ts';

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
        const service = path.startsWith('services.*') ? names[0] : undefined;
        problems.set(keyNode, unknownKey(key, known, service, keyNode));
      } else {
        walk(value, child, names);
      }
    }
  }

  function unknownKey(
    key: string,
    known: readonly string[],
    service: string | undefined,
    node: Node,
  ): ComposeError {
    const near = nearestName(key, known);
    const sentence = `the key ${JSON.stringify(key)} is not one of the Compose specification`;
    return new ComposeError('key-unknown', sentence, {
      location: file.locationOf(node),
      service,
      hint: near === undefined ? 'remove it, or begin it with x-' : `did you mean ${near}?`,
    });
  }
}
