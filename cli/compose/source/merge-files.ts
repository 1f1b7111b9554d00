import { isMap, type Node, YAMLMap } from 'yaml';
import { fieldsOf, resolveAlias } from '../yaml/yaml-fields.ts';
import { copyOf, hasTag, setField } from '../yaml/yaml-nodes.ts';
import type { ComposeFile } from './compose-file.ts';
import { mergeServices } from './merge-services.ts';

/** The parts of a file that are mappings of named things. */
export const SECTIONS: ReadonlySet<string> = new Set([
  'services',
  'networks',
  'volumes',
  'configs',
  'secrets',
  'models',
]);

/**
 * Merges a file into another one in place, as `docker compose -f BASE -f OVERRIDE` does (Compose specification,
 * "Merge and override"): what both have is merged key by key, `!override` replaces it, `!reset` takes it away.
 */
export function mergeFile(base: ComposeFile, override: ComposeFile): void {
  for (const { key, keyNode, value } of fieldsOf(override.document, override.root).values()) {
    const own = copyOf(override.document, value);
    if (!SECTIONS.has(key) || !isMap(own)) {
      setField(base.root, key, own, keyNode);
      continue;
    }
    const section = sectionOf(base, key, keyNode);
    for (const entry of fieldsOf(override.document, own).values()) {
      const before = fieldsOf(base.document, section).get(entry.key);
      const merged =
        before === undefined || isNothing(before.value)
          ? entry.value
          : mergeServices(base.document, before.value, entry.value);
      setField(section, entry.key, merged, entry.keyNode);
    }
  }
}

/** A section of a file that can be added to, made when it is missing, and never one that an alias stands for. */
export function sectionOf({ document, root }: ComposeFile, key: string, written: Node): YAMLMap {
  const pair = root.items.find((item) => String(item.key) === key);
  if (pair !== undefined && isMap(pair.value)) return pair.value;
  const known = fieldsOf(document, root).get(key);
  const copy = known === undefined ? undefined : copyOf(document, known.value);
  const map = isMap(copy) ? copy : new YAMLMap<Node, Node>();
  setField(root, key, map, written);
  return map;
}

/** `networks: {front: }` names a network and says nothing of it. */
function isNothing(node: Node): boolean {
  return !isMap(node);
}

/** Takes what `!reset` is written at out of a file, and the tag off what `!override` is written at. */
export function applyTags({ document, root }: ComposeFile): void {
  const clean = (node: unknown): void => {
    const map = isMap(node) ? node : undefined;
    if (map === undefined) return;
    map.items = map.items.filter(({ value }) => !hasTag(value, '!reset'));
    for (const { value } of map.items) {
      if (hasTag(value, '!override')) delete (value as { tag?: string }).tag;
      clean(value);
    }
  };
  clean(resolveAlias(document, root));
}
