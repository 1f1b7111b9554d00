/** One figure of a workload: a row of the table. */
export interface Metric {
  /** The key in what a workload measures. */
  readonly key: string;
  readonly title: string;
  readonly unit: string;
  readonly better: 'higher' | 'lower';
  readonly target?: Target | undefined;
  /**
   * Where the short bench of CI fails: at 1.25 of what it is today, beside the same peer in the same run. Processor time
   * and memory rather than throughput and latency, which on a machine that others use are a matter of luck.
   */
  readonly alarm?: Target | undefined;
}

/**
 * What is to be reached: a ratio to the best of the yardsticks in the same row or to the peer it names, or a figure by
 * itself, in the row's unit.
 */
export interface Target {
  readonly of: 'ratio' | 'value';
  readonly is: 'at-least' | 'at-most';
  readonly limit: number;
  /** The peer that a ratio is to; the best of the yardsticks when left out. */
  readonly to?: string | undefined;
}

/** A ratio to the best peer, or to this one, that is to be reached. */
export function ratioAtLeast(limit: number, to?: string): Target {
  return { of: 'ratio', is: 'at-least', limit, ...(to !== undefined && { to }) };
}

/** A ratio to the best peer, or to this one, that is not to be exceeded. */
export function ratioAtMost(limit: number, to?: string): Target {
  return { of: 'ratio', is: 'at-most', limit, ...(to !== undefined && { to }) };
}

/** A figure that is to be reached. */
export function valueAtLeast(limit: number): Target {
  return { of: 'value', is: 'at-least', limit };
}

/** A figure that is not to be exceeded. */
export function valueAtMost(limit: number): Target {
  return { of: 'value', is: 'at-most', limit };
}

/** Whether a target is met. */
export function isMet({ is, limit }: Target, value: number): boolean {
  return is === 'at-least' ? value >= limit : value <= limit;
}

/** A target as people write it: `>= 2x`, `<= 70`, `>= 1x envoy`. */
export function formatTarget({ of, is, limit, to }: Target): string {
  const peer = to === undefined ? '' : ` ${to}`;
  return `${is === 'at-least' ? '>=' : '<='} ${limit}${of === 'ratio' ? 'x' : ''}${peer}`;
}
