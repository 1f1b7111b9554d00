import { type Document, isAlias, isMap, isSeq, type Node, visit, type YAMLMap } from 'yaml';
import { fieldsOf, isMergeKey, mergeSources } from './yaml-fields.ts';
import { copyOf } from './yaml-nodes.ts';

/** Services that will be changed, and the keys of each that will be. */
export type Changes = ReadonlyMap<YAMLMap, ReadonlySet<string>>;

/**
 * Replaces every alias of something that will change by a copy of what it is now: neither may the
 * change show through the alias, nor may the alias be left without its anchor.
 */
export function detach(document: Document, changes: Changes): void {
  const changing = new Set<Node>();
  for (const [service, keys] of changes) {
    changing.add(service);
    for (const { key, value } of service.items) {
      if (!keys.has(String(key)) || isAlias(value)) continue;
      visit(value as Node, { Node: (_, node) => void changing.add(node) });
    }
  }
  const copies: [Node, Node][] = [];
  visit(document, {
    Alias: (_, alias) => {
      const target = alias.resolve(document);
      if (target === undefined || !changing.has(target)) return undefined;
      const copy = copyOf(document, alias);
      copies.push([alias, copy]);
      return undefined;
    },
  });
  // Copied first and put in place later: a copy may hold what another alias stands for.
  const copyFor = new Map(copies);
  visit(document, { Alias: (_, alias) => copyFor.get(alias) });
}

/**
 * Writes out what a service merges in, when a key of that has to go: nothing can be taken out of a
 * merged mapping that others merge in too. What does not have to change stays merged.
 */
export function spellOut(document: Document, service: YAMLMap, keys: ReadonlySet<string>): void {
  const sources = mergeSources(document, service);
  const inline = service.items.some(({ key, value }) => isMergeKey(key) && !isReference(value));
  const affected = sources.some((source) =>
    [...fieldsOf(document, source).keys()].some((key) => keys.has(key)),
  );
  if (!inline && !affected) return;
  const copy = copyOf(document, service);
  if (isMap(copy)) service.items = copy.items;
}

function isReference(value: unknown): boolean {
  return isAlias(value) || (isSeq(value) && value.items.every((item) => isAlias(item)));
}
