import type { Exchange } from '../exchange.ts';
import type { Difference } from './compare.ts';

/** A reason why we differ from another proxy, and the differences that it explains. */
export interface Rule {
  /** What each does, and why ours is right, or one of several that are. */
  readonly reason: string;
  /** Where it is written. */
  readonly section: string;
  readonly proxy?: 'nginx' | 'Envoy';
  readonly kind?: RegExp;
  /** Names of exchanges. */
  readonly name?: RegExp;
  readonly at?: Difference['at'];
  readonly about?: RegExp;
  readonly field?: RegExp;
  readonly ours?: RegExp;
  readonly theirs?: RegExp;
}

/** The rule that explains a difference, the first of them. */
export function explain(
  rules: readonly Rule[],
  proxy: string,
  exchange: Exchange,
  difference: Difference,
): Rule | undefined {
  // What holds for HTTP/1.1 holds for HTTP/2.
  const kind = exchange.kind.replace('HTTP/2 ', '');
  const name = exchange.name.replace('HTTP/2: ', '');
  const { at, about, field = '', ours, theirs } = difference;
  const fits = (pattern: RegExp | undefined, text: string): boolean => pattern?.test(text) ?? true;
  return rules.find(
    (rule) =>
      (rule.proxy ?? proxy) === proxy &&
      (rule.at ?? at) === at &&
      fits(rule.kind, kind) &&
      fits(rule.name, name) &&
      fits(rule.about, about) &&
      fits(rule.field, field) &&
      fits(rule.ours, ours) &&
      fits(rule.theirs, theirs),
  );
}
