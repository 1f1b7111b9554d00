import type { ExecutionContext } from 'ava';
import { compare, type Difference } from './differences/compare.ts';
import { EXPLAINED_REQUESTS } from './differences/explained-requests.ts';
import { EXPLAINED_RESPONSES } from './differences/explained-responses.ts';
import { PENDING } from './differences/pending.ts';
import { explain, type Rule } from './differences/rules.ts';
import type { Exchange } from './exchange.ts';
import { observe, type ObservedProxy } from './record/observe.ts';

const EXPLAINED: readonly Rule[] = [...EXPLAINED_REQUESTS, ...EXPLAINED_RESPONSES];

/**
 * Plays exchanges through us and through another proxy, one after the other, and fails where they differ without a
 * reason in the table, or where a reason in the table explains nothing any more.
 *
 * @param own is a table for these exchanges alone, which the common one is beside
 */
export async function expectSame(
  t: ExecutionContext,
  ours: ObservedProxy,
  theirs: ObservedProxy,
  exchanges: readonly Exchange[],
  own: readonly Rule[] = [],
): Promise<void> {
  const rules: readonly Rule[] = [...own, ...EXPLAINED, ...PENDING];
  const used = new Set<Rule>();
  const unexplained: string[] = [];
  for (const exchange of exchanges) {
    const [one, other] = [await observe(ours, exchange), await observe(theirs, exchange)];
    for (const difference of compare(exchange, one, other)) {
      const rule = explain(rules, theirs.name, exchange, difference);
      if (rule === undefined) unexplained.push(describe(exchange, difference, theirs.name));
      else used.add(rule);
    }
  }
  t.deepEqual(
    unexplained,
    [],
    `${unexplained.length} differences from ${theirs.name} without a reason`,
  );
  for (const { owner, reason } of PENDING.filter((rule) => !used.has(rule))) {
    t.log(`${theirs.name} shows no more of what was pending: ${owner}: ${reason}`);
  }
  // What is pending hides what some of them are for.
  if (PENDING.length > 0) return;
  const needed = own.length > 0 ? own : EXPLAINED;
  const unused = needed.filter((rule) => rule.proxy === theirs.name && !used.has(rule));
  t.deepEqual(
    unused.map(({ reason }) => reason),
    [],
    'reasons that explain nothing',
  );
}

function describe({ kind, name }: Exchange, difference: Difference, proxy: string): string {
  const { at, about, field, ours, theirs } = difference;
  const what = field === undefined ? about : `${about} ${field}`;
  return `${kind} | ${name} | ${at} | ${what} | ours ${JSON.stringify(ours)} | ${proxy} ${JSON.stringify(theirs)}`;
}
