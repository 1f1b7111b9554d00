import { join } from 'node:path';
import {
  type BinaryExpression,
  type Expression,
  type Node,
  type SourceFile,
  SyntaxKind,
} from 'typescript/unstable/ast';
import {
  isBinaryExpression,
  isCallExpression,
  isConditionalExpression,
  isIdentifier,
  isParenthesizedExpression,
  isPropertyAccessExpression,
  isVariableDeclaration,
} from 'typescript/unstable/ast/is';
import { API, type Checker, type Project } from 'typescript/unstable/sync';

const ROOT = join(import.meta.dirname, '../../..');

/** What has no meaning when one side is a date and the other a moment of the monotonic clock. */
const OPERATORS: ReadonlySet<SyntaxKind> = new Set([
  SyntaxKind.LessThanToken,
  SyntaxKind.LessThanEqualsToken,
  SyntaxKind.GreaterThanToken,
  SyntaxKind.GreaterThanEqualsToken,
  SyntaxKind.EqualsEqualsEqualsToken,
  SyntaxKind.ExclamationEqualsEqualsToken,
  SyntaxKind.PlusToken,
  SyntaxKind.MinusToken,
]);

/** Which clock a number was read from; `undefined` for a duration, and for what is not known. */
type Origin = 'EpochMs' | 'MonotonicMs' | undefined;

/**
 * Where a date is compared with, added to or taken from a moment of the monotonic clock. The types alone do
 * not refuse it, since both are numbers. A sum or difference with a plain number stays a moment of its
 * clock, and so do `Math.min`, `Math.max` and `Math.round` of one and a `const` that holds one.
 *
 * Returns one sentence for each: file, line and what stands there.
 */
export function findMixedClocks(): readonly string[] {
  const api = new API({ cwd: ROOT });
  try {
    const snapshot = api.updateSnapshot({ openProjects: [join(ROOT, 'tsconfig.json')] });
    const [project] = snapshot.getProjects();
    if (project === undefined) throw new Error('expected tsconfig.json to make a project');
    return project.program
      .getSourceFileNames()
      .filter((name) => name.startsWith(`${ROOT}/`) && !name.includes('/node_modules/'))
      .flatMap((name) => mixedIn(project, name));
  } finally {
    api.close();
  }
}

function mixedIn(project: Project, name: string): readonly string[] {
  const file = project.program.getSourceFile(name);
  if (file === undefined) throw new Error(`expected the compiler to have ${name}`);
  const operations = operationsOf(file);
  if (operations.length === 0) return [];
  const origins = new Origins(project.checker);
  origins.ask(operations.flatMap(({ left, right }) => [left, right]));
  // What lost its type in a sum got it in the same file; looking for it elsewhere would take a minute.
  const hasMoments = /(?:epoch|monotonic)Ms/i.test(file.text);
  return operations
    .filter(({ left, right }) => {
      if (!hasMoments && !(origins.has(left) && origins.has(right))) return false;
      const [one, other] = [origins.of(left), origins.of(right)];
      return one !== undefined && other !== undefined && one !== other;
    })
    .map((operation) => {
      const text = operation.getText(file);
      const line = file.text.slice(0, operation.getStart(file)).split('\n').length;
      return `${name.slice(ROOT.length + 1)}:${line}: ${text.replaceAll(/\s+/g, ' ')}`;
    });
}

function operationsOf(file: SourceFile): readonly BinaryExpression[] {
  const found: BinaryExpression[] = [];
  const visit = (node: Node): void => {
    if (isBinaryExpression(node) && OPERATORS.has(node.operatorToken.kind)) found.push(node);
    node.forEachChild(visit);
  };
  visit(file);
  return found;
}

const KEEP_THE_CLOCK = new Set(['min', 'max', 'round', 'floor', 'ceil', 'trunc']);

class Origins {
  readonly #checker: Checker;
  readonly #known = new Map<Node, Origin>();

  constructor(checker: Checker) {
    this.#checker = checker;
  }

  /** All types in one question: each question is a message to the compiler's process. */
  ask(nodes: readonly Node[]): void {
    const types = this.#checker.getTypeAtLocation(nodes);
    for (const [index, node] of nodes.entries()) {
      const type = types[index];
      const text = type === undefined ? '' : this.#checker.typeToString(type);
      const [origin] = /EpochMs|MonotonicMs/.exec(text) ?? [];
      if (origin !== undefined) this.#known.set(node, origin as Origin);
      else if (text !== 'number') this.#known.set(node, undefined);
    }
  }

  has(node: Expression): boolean {
    return this.#known.get(node) !== undefined;
  }

  of(node: Expression): Origin {
    if (!this.#known.has(node)) this.ask([node]);
    // What is `number` by its type may still be a moment, by where it comes from.
    if (!this.#known.has(node)) this.#known.set(node, this.#byParts(node));
    return this.#known.get(node);
  }

  #byParts(node: Expression): Origin {
    if (isParenthesizedExpression(node)) return this.of(node.expression);
    if (isConditionalExpression(node)) return this.of(node.whenTrue) ?? this.of(node.whenFalse);
    if (isBinaryExpression(node)) return this.#ofSum(node);
    if (isCallExpression(node)) {
      const { expression, arguments: given } = node;
      if (!isPropertyAccessExpression(expression)) return undefined;
      const { expression: object, name } = expression;
      if (!isIdentifier(object) || object.text !== 'Math') return undefined;
      if (!isIdentifier(name) || !KEEP_THE_CLOCK.has(name.text)) return undefined;
      return given.map((one) => this.of(one)).find((origin) => origin !== undefined);
    }
    return isIdentifier(node) ? this.#ofVariable(node) : undefined;
  }

  /** A moment and a duration make a moment; the difference of two moments is a duration. */
  #ofSum({ left, right, operatorToken }: BinaryExpression): Origin {
    const isDifference = operatorToken.kind === SyntaxKind.MinusToken;
    if (!isDifference && operatorToken.kind !== SyntaxKind.PlusToken) return undefined;
    const [one, other] = [this.of(left), this.of(right)];
    if (isDifference) return other === undefined ? one : undefined;
    return one ?? other;
  }

  #ofVariable(node: Expression): Origin {
    const declaration = this.#checker.getSymbolAtLocation(node)?.valueDeclaration?.resolve();
    if (declaration === undefined || !isVariableDeclaration(declaration)) return undefined;
    return declaration.initializer === undefined ? undefined : this.of(declaration.initializer);
  }
}
