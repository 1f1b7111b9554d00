import {
  type Document,
  isAlias,
  isMap,
  isSeq,
  type Node,
  Pair,
  Scalar,
  YAMLMap,
  YAMLSeq,
} from 'yaml';
import { fieldsOf, isPlainList, isPlainMap, type Plain, resolveAlias } from './yaml-fields.ts';

/** Words that every YAML reads as the text that they are. */
const SAFE_WORD = /^-{0,2}[A-Za-z/][A-Za-z0-9_./=-]*$/;

/** Words that some YAML reads as something else (YAML 1.1: bool, null). */
const ODD_WORD = /^(?:y|n|yes|no|on|off|true|false|null)$/i;

/** Short lists of words go on one line. */
const MAX_FLOW_CHARACTERS = 60;

/** Makes a node: text is quoted wherever some reader of YAML could take it for something else. */
export function nodeOf(value: Plain): Node {
  if (isPlainList(value)) {
    const list = new YAMLSeq();
    list.items = value.map(nodeOf);
    list.flow = JSON.stringify(value).length <= MAX_FLOW_CHARACTERS;
    return list;
  }
  if (isPlainMap(value)) {
    const map = new YAMLMap<Node, Node>();
    map.items = Object.entries(value).map(([key, item]) => new Pair(nodeOf(key), nodeOf(item)));
    return map;
  }
  const scalar = new Scalar(typeof value === 'number' ? String(value) : value);
  if (typeof value === 'string') {
    const safe = SAFE_WORD.test(value) && !ODD_WORD.test(value);
    scalar.type = safe ? Scalar.PLAIN : Scalar.QUOTE_DOUBLE;
  }
  return scalar;
}

/**
 * A self-contained copy: without anchors, and with what its aliases and merge keys stand for
 * instead of them. Comments, quotes and the place that it came from stay.
 */
export function copyOf(document: Document, node: unknown): Node {
  const original = resolveAlias(document, node);
  const copy = original.clone() as Node;
  delete (copy as { anchor?: string }).anchor;
  if (isSeq(copy) && isSeq(original)) {
    copy.items = original.items.map((item) => copyOf(document, item));
  } else if (isMap(copy)) {
    copy.items = [...fieldsOf(document, original).values()].map(
      ({ keyNode, value }) => new Pair(keyNode.clone() as Node, copyOf(document, value)),
    );
  }
  return copy;
}

/** Sets a field in place, or adds it at the end, under a copy of the key as it was written elsewhere. */
export function setField(map: YAMLMap, key: string, value: Node, written?: Node): void {
  const pair = map.items.find((item) => isKey(item.key, key));
  if (pair === undefined)
    map.items.push(new Pair((written?.clone() as Node) ?? nodeOf(key), value));
  else pair.value = value;
}

/** Takes a field out; resolves to its pair, comments and all. */
export function takeField(map: YAMLMap, key: string): Pair | undefined {
  const index = map.items.findIndex((item) => isKey(item.key, key));
  return index < 0 ? undefined : map.items.splice(index, 1)[0];
}

function isKey(node: unknown, key: string): boolean {
  return !isAlias(node) && node instanceof Scalar && String(node.value) === key;
}

/** Whether a node was written with a tag. */
export function hasTag(node: unknown, tag: string): boolean {
  return (node as { readonly tag?: string } | null)?.tag === tag;
}
