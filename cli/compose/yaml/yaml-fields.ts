import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Node,
  Scalar,
  type YAMLMap,
} from 'yaml';

/** What YAML can say. Numbers are only written, never read: see compose-file.ts. */
export type Plain = string | number | boolean | null | readonly Plain[] | PlainMap;

/** A mapping of plain values. */
export interface PlainMap {
  readonly [key: string]: Plain;
}

/** A key of a mapping and its value, aliases followed. */
export interface Field {
  readonly key: string;
  readonly keyNode: Node;
  readonly value: Node;
}

/** The fields of a mapping by their keys. */
export type Fields = ReadonlyMap<string, Field>;

/** The key that merges other mappings in (yaml.org/type/merge.html). */
export function isMergeKey(node: unknown): boolean {
  return isScalar(node) && node.value === '<<' && node.type === 'PLAIN';
}

/** The node itself, or the one that an alias stands for. */
export function resolveAlias(document: Document, node: unknown): Node {
  if (isAlias(node)) return node.resolve(document) ?? new Scalar(null);
  return isScalar(node) || isMap(node) || isSeq(node) ? node : new Scalar(null);
}

/** The fields of a mapping with its merge keys applied: its own first, then those merged in. */
export function fieldsOf(document: Document, node: unknown): Fields {
  const fields = new Map<string, Field>();
  const map = resolveAlias(document, node);
  if (!isMap(map)) return fields;
  for (const { key, value } of map.items) {
    if (isMergeKey(key) || !isScalar(key)) continue;
    const name = String(key.value);
    fields.set(name, { key: name, keyNode: key, value: resolveAlias(document, value) });
  }
  for (const source of mergeSources(document, map)) {
    for (const [name, field] of fieldsOf(document, source)) {
      if (!fields.has(name)) fields.set(name, field);
    }
  }
  return fields;
}

/** The mappings that the merge keys of a mapping name, the strongest first. */
export function mergeSources(document: Document, map: YAMLMap): readonly YAMLMap[] {
  return map.items
    .filter(({ key }) => isMergeKey(key))
    .flatMap(({ value }) => {
      const source = resolveAlias(document, value);
      return isSeq(source) ? source.items.map((item) => resolveAlias(document, item)) : [source];
    })
    .filter((source) => isMap(source));
}

/** A node as a plain value, aliases followed and merge keys applied. */
export function plainOf(document: Document, node: unknown): Plain {
  const resolved = resolveAlias(document, node);
  if (isSeq(resolved)) return resolved.items.map((item) => plainOf(document, item));
  if (isMap(resolved)) {
    const fields = [...fieldsOf(document, resolved).values()];
    return Object.fromEntries(fields.map(({ key, value }) => [key, plainOf(document, value)]));
  }
  const value: unknown = isScalar(resolved) ? resolved.value : null;
  return typeof value === 'string' || typeof value === 'boolean' ? value : null;
}

/** True for a mapping among plain values. */
export function isPlainMap(value: Plain | undefined): value is PlainMap {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** True for a list among plain values. */
export function isPlainList(value: Plain | undefined): value is readonly Plain[] {
  return Array.isArray(value);
}
