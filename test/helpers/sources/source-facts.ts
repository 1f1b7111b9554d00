import { type Argument, type Expression, parseSync, Visitor } from 'oxc-parser';

/** How one module reaches another. */
export type ImportKind = 'static' | 'dynamic' | 'type';

/** What the architecture's rules look at in one file. */
export interface SourceFacts {
  readonly imports: readonly { readonly specifier: string; readonly kind: ImportKind }[];
  readonly hasDefaultExport: boolean;
  /** `env`, `argv`, `exit`, … of the process, as far as they are used. */
  readonly processMembers: readonly string[];
  /** Ways round the clock, as far as they are used: `Date.now`, `new Date()`, `setTimeout`, … */
  readonly clockBypasses: readonly string[];
  /** `new WeakMap` and `as unknown as`, as far as they are used. */
  readonly hidden: readonly string[];
  /** What makes a socket or opens a port: `net.connect`, `tls.connect`, … */
  readonly sockets: readonly string[];
  /** It has a `.catch` that does nothing, which hides every mistake. */
  readonly hasSilentCatch: boolean;
  readonly lines: number;
}

const TELL_TIME = new Set(['Date.now', 'performance.now', 'process.hrtime', 'process.uptime']);
const SOCKETS = new Set(
  ['connect', 'createConnection', 'createServer', 'Socket', 'Server']
    .map((name) => `net.${name}`)
    .concat('tls.connect', 'tls.TLSSocket'),
);
const WEAK = new Set(['WeakMap', 'WeakSet']);
const TIMERS = new Set(['setTimeout', 'setInterval']);

/** Parses a TypeScript file. Imports that are computed at run time have the specifier `?`. */
export function readSourceFacts(path: string, source: string): SourceFacts {
  const { program, errors } = parseSync(path, source);
  if (errors.length > 0) throw new Error(`${path} does not parse: ${errors[0]?.message}`);
  const imports: { specifier: string; kind: ImportKind }[] = [];
  const processMembers: string[] = [];
  const clockBypasses: string[] = [];
  const hidden: string[] = [];
  const sockets: string[] = [];
  /** The names under which a module is known here as a whole. */
  const modules = new Map<string, string>();
  let hasDefaultExport = false;
  let hasSilentCatch = false;
  new Visitor({
    ImportDeclaration({ source: { value }, importKind, specifiers }) {
      const module = value.replace('node:', '');
      for (const specifier of importKind === 'type' ? [] : specifiers) {
        if (specifier.type !== 'ImportSpecifier') modules.set(specifier.local.name, module);
        else if (specifier.importKind !== 'type' && specifier.imported.type === 'Identifier') {
          sockets.push(`${module}.${specifier.imported.name}`);
        }
      }
      imports.push({ specifier: value, kind: importKind === 'type' ? 'type' : 'static' });
      // `import { env } from 'node:process'` would hide what the rule looks for.
      if (value === 'node:process' || value === 'process') processMembers.push('*');
    },
    ExportNamedDeclaration({ source: from, exportKind, specifiers }) {
      if (from !== null) {
        imports.push({ specifier: from.value, kind: exportKind === 'type' ? 'type' : 'static' });
      }
      hasDefaultExport ||= specifiers.some(
        ({ exported }) => exported.type === 'Identifier' && exported.name === 'default',
      );
    },
    ExportAllDeclaration({ source: { value } }) {
      imports.push({ specifier: value, kind: 'static' });
    },
    ImportExpression({ source: from }) {
      const literal = from.type === 'Literal' && typeof from.value === 'string';
      imports.push({ specifier: literal ? String(from.value) : '?', kind: 'dynamic' });
    },
    TSImportType({ source: { value } }) {
      imports.push({ specifier: value, kind: 'type' });
    },
    NewExpression({ callee, arguments: given }) {
      if (callee.type !== 'Identifier') return;
      if (callee.name === 'Date' && given.length === 0) clockBypasses.push('new Date()');
      if (WEAK.has(callee.name)) hidden.push(`new ${callee.name}`);
    },
    TSAsExpression({ expression }) {
      if (expression.type !== 'TSAsExpression') return;
      if (expression.typeAnnotation.type === 'TSUnknownKeyword') hidden.push('as unknown as');
    },
    CallExpression({ callee, arguments: given }) {
      hasSilentCatch ||= isCatch(callee) && doesNothing(given[0]);
      if (callee.type === 'Identifier' && TIMERS.has(callee.name)) clockBypasses.push(callee.name);
    },
    ExportDefaultDeclaration() {
      hasDefaultExport = true;
    },
    MemberExpression({ object, property }) {
      if (object.type !== 'Identifier') return;
      if (property.type === 'Identifier') {
        const name = `${object.name}.${property.name}`;
        if (TELL_TIME.has(name)) clockBypasses.push(name);
        sockets.push(`${modules.get(object.name)}.${property.name}`);
      }
      if (object.name !== 'process') return;
      if (property.type === 'Identifier') processMembers.push(property.name);
      else processMembers.push('*');
    },
  }).visit(program);
  return {
    imports,
    hasDefaultExport,
    hasSilentCatch,
    processMembers,
    clockBypasses,
    hidden,
    sockets: sockets.filter((name) => SOCKETS.has(name)),
    lines: source.replace(/\n$/, '').split('\n').length,
  };
}

function isCatch(callee: Expression): boolean {
  return (
    callee.type === 'MemberExpression' &&
    callee.property.type === 'Identifier' &&
    callee.property.name === 'catch'
  );
}

/** `() => {}`, `() => undefined` or `() => null`. */
function doesNothing(given: Argument | undefined): boolean {
  if (given?.type !== 'ArrowFunctionExpression') return false;
  const { body } = given;
  if (body.type === 'BlockStatement') return body.body.length === 0;
  return (
    (body.type === 'Identifier' && body.name === 'undefined') ||
    (body.type === 'Literal' && body.value === null)
  );
}
