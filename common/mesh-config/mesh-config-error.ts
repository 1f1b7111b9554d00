import { HauberkError } from '../errors.ts';

/** What is wrong with a mesh configuration. */
export type MeshConfigErrorCode = 'document-too-large' | 'document-malformed' | 'document-invalid';

/** One thing that is wrong, and where. */
export interface MeshConfigProblem {
  /** From 1. */
  readonly line: number;
  /** From 1. */
  readonly column: number;
  readonly sentence: string;
}

/** A mesh configuration that cannot be used; `problems` are all that were found, at least one. */
export class MeshConfigError extends HauberkError<MeshConfigErrorCode> {
  readonly problems: readonly MeshConfigProblem[];

  constructor(
    code: MeshConfigErrorCode,
    name: string,
    problems: readonly [MeshConfigProblem, ...MeshConfigProblem[]],
  ) {
    const [{ line, column, sentence }, ...others] = problems;
    const more = others.length === 0 ? '' : ` (and ${others.length} more)`;
    super(code, `${name}:${line}:${column}: ${sentence}${more}`);
    this.problems = problems;
  }
}
