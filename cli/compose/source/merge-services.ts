import { type Document, isMap, isSeq, type Node, Pair, YAMLMap, YAMLSeq } from 'yaml';
import { fieldsOf, isPlainMap, plainOf, type Plain } from '../yaml/yaml-fields.ts';
import { copyOf, hasTag, nodeOf } from '../yaml/yaml-nodes.ts';

/** Keys whose later value replaces the earlier one as a whole. */
const REPLACED = new Set(['command', 'entrypoint', 'healthcheck.test', 'network_mode', 'extends']);

/** Keys with a list, for which a single text is allowed. */
const LISTS = new Set(['dns', 'dns_search', 'env_file', 'label_file', 'tmpfs']);

/** Keys that may be a list or a mapping, and what a text of the list means in the mapping. */
const EITHER: ReadonlyMap<string, (text: string) => readonly [string, Plain]> = new Map([
  ...['environment', 'labels', 'annotations', 'sysctls', 'build.args', 'build.labels'].map(
    (key) => [key, (text: string) => split(text, '=')] as const,
  ),
  ['extra_hosts', (text) => split(text, text.includes('=') ? '=' : ':')],
  ['networks', (text) => [text, null]],
  ['depends_on', (text) => [text, { condition: 'service_started' }]],
]);

/**
 * Merges two mappings of services as `extends` and several files do (Compose specification, "Merge and override"):
 * mappings key by key, lists one after the other, all else from the later one.
 */
export function mergeServices(document: Document, base: Node, own: Node, path = ''): Node {
  const either = EITHER.get(path);
  if (REPLACED.has(path) || hasTag(own, '!override') || hasTag(own, '!reset')) {
    return copyOf(document, own);
  }
  if (either !== undefined && (isMap(base) || isMap(own) || path !== 'extra_hosts')) {
    const [one, other] = [asMapping(document, base, either), asMapping(document, own, either)];
    return nodeOf(mergePlain(one, other));
  }
  if (isMap(base) && isMap(own)) return mergeMaps(document, base, own, path);
  const lists = isSeq(base) || isSeq(own) || LISTS.has(path);
  return lists ? mergeLists(document, base, own) : copyOf(document, own);
}

function mergeMaps(document: Document, base: YAMLMap, own: YAMLMap, path: string): Node {
  const [earlier, later] = [fieldsOf(document, base), fieldsOf(document, own)];
  const merged = new YAMLMap<Node, Node>();
  for (const { key, keyNode, value } of earlier.values()) {
    const other = later.get(key);
    const inner = path === '' ? key : `${path}.${key}`;
    const node =
      other === undefined
        ? copyOf(document, value)
        : mergeServices(document, value, other.value, inner);
    merged.items.push(new Pair(keyNode.clone() as Node, node));
  }
  for (const { key, keyNode, value } of later.values()) {
    if (earlier.has(key)) continue;
    merged.items.push(new Pair(keyNode.clone() as Node, copyOf(document, value)));
  }
  return merged;
}

function mergeLists(document: Document, base: Node, own: Node): Node {
  const merged = new YAMLSeq<Node>();
  const seen = new Map<string, number>();
  for (const item of [base, own].flatMap((node) => (isSeq(node) ? node.items : [node]))) {
    const identity = identityOf(plainOf(document, item));
    const index = seen.get(identity);
    if (index === undefined) seen.set(identity, merged.items.push(copyOf(document, item)) - 1);
    else merged.items[index] = copyOf(document, item);
  }
  return merged;
}

/** What may be in a list once: a volume by where it is mounted, anything else by what it is. */
function identityOf(item: Plain): string {
  const target = isPlainMap(item) ? item['target'] : undefined;
  if (typeof target === 'string' && !('published' in (item as object))) return `at ${target}`;
  const [, mounted] = typeof item === 'string' ? (/^[^:]+:(\/[^:]*)/.exec(item) ?? []) : [];
  return mounted === undefined ? JSON.stringify(item) : `at ${mounted}`;
}

function asMapping(
  document: Document,
  node: Node,
  read: (text: string) => readonly [string, Plain],
): Plain {
  const value = plainOf(document, node);
  if (!Array.isArray(value)) return value;
  return Object.fromEntries(value.map((text) => read(String(text))));
}

function mergePlain(base: Plain, own: Plain): Plain {
  if (!isPlainMap(base) || !isPlainMap(own)) return own ?? base;
  const merged: Record<string, Plain> = { ...base };
  for (const [key, value] of Object.entries(own)) {
    merged[key] = key in base ? mergePlain(base[key] ?? null, value) : value;
  }
  return merged;
}

function split(text: string, separator: string): readonly [string, Plain] {
  const index = text.indexOf(separator);
  return index < 0 ? [text, null] : [text.slice(0, index), text.slice(index + 1)];
}
