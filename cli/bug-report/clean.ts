import { parse, stringify } from 'yaml';
import { redact } from '../../common/redact.ts';
import { HIDDEN } from '../../common/wire/sidecar-state.ts';

/** A variable with such a name has a secret for its value. */
const SECRET_NAME = /TOKEN|PASS|SECRET|KEY|CREDENTIAL|AUTH|COOKIE/i;

/** Shorter values are words that stand everywhere. */
const MIN_SECRET_CHARACTERS = 6;

const PATTERNS = [
  // RFC 3986 section 3.2.1: user and password in front of a host, also where a `@` in them was not encoded.
  { pattern: /\/\/[^\s/"]{1,1024}@/g, substitute: `//${HIDDEN}@` },
  { pattern: /\b(Bearer|Basic|Digest)\s+[\w.~+/=-]+/gi, substitute: `$1 ${HIDDEN}` },
  {
    pattern:
      /((?:password|passphrase|passwd|secret|api[-_]?key|authorization|cookie)[\w-]{0,64}\\?["']?\s{0,8}[:=]\s*)(\\?"(?:[^"\\]|\\.)*"|'[^']*'|[^\s,;}]+)/gi,
    substitute: `$1${HIDDEN}`,
  },
] as const;

/** Takes secrets out of a text: what looks like one, and the values of variables of this command that are named as one. */
export function createCleaner(env: Readonly<Record<string, string | undefined>>) {
  const values = Object.entries(env)
    .filter(([name]) => SECRET_NAME.test(name) && !name.endsWith('_FILE'))
    .flatMap(([, value = '']) => [value, JSON.stringify(value).slice(1, -1)])
    .filter(({ length }) => length >= MIN_SECRET_CHARACTERS)
    .toSorted((a, b) => b.length - a.length);
  return (text: string): string => {
    let clean = redact(text);
    for (const value of values) clean = clean.replaceAll(value, HIDDEN);
    for (const { pattern, substitute } of PATTERNS) clean = clean.replace(pattern, substitute);
    return clean;
  };
}

/** A document of the mesh configuration without comments, and without the values of header fields and query parameters. */
export function cleanMeshConfig(document: string): string {
  return stringify(hideValues(parse(document)) ?? {});
}

function hideValues(part: unknown): unknown {
  if (Array.isArray(part)) return part.map(hideValues);
  if (typeof part !== 'object' || part === null) return part;
  const isNamed = 'name' in part && 'value' in part;
  return Object.fromEntries(
    Object.entries(part).map(([key, value]) => [
      key,
      isNamed && key === 'value' ? HIDDEN : hideValues(value),
    ]),
  );
}

/** The names of variables of this project, with the values of those that are no secrets. */
export function cleanEnvironment(
  env: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const own = Object.entries(env).filter(([name]) => name.startsWith('HAUBERK_'));
  return Object.fromEntries(
    own.map(([name, value = '']) => [name, SECRET_NAME.test(name) ? HIDDEN : value]),
  );
}

const OWN_NAMES: ReadonlySet<unknown> = new Set(['proxy', 'gateway', 'control-plane', 'keeper']);

/**
 * Of the output of a log reader the lines that a program of Hauberk has written, without the values of query parameters:
 * applications write what they like.
 */
export function ownLines(text: string): string {
  const lines = text.split('\n').filter(isOwnLine);
  return lines.map((line) => `${withoutQueries(line)}\n`).join('');
}

/** As programs of Hauberk, and many others, write to a terminal: `[12:00:01.250] INFO: listening`, in colours. */
const FOR_A_TERMINAL =
  /\[\d\d:\d\d:\d\d\.\d{3}\] (?:\u001b\[\d+m)?(?:TRACE|DEBUG|INFO|WARN|ERROR|FATAL)\b/;

/** How many lines are for a terminal: they do not say which program has written them. */
export function countTerminalLines(text: string): number {
  return text.split('\n').filter((line) => FOR_A_TERMINAL.test(line)).length;
}

/** A log reader writes where it comes from in front of it. */
function isOwnLine(line: string): boolean {
  const begin = line.indexOf('{"level":"');
  if (begin < 0) return false;
  try {
    const { name } = JSON.parse(line.slice(begin)) as { readonly name?: unknown };
    return OWN_NAMES.has(name);
  } catch {
    return false;
  }
}

/** A gateway writes down what was asked for as it came. */
function withoutQueries(line: string): string {
  return line.replace(
    /\?[^\s"\\]+/g,
    (query) => `?${query.slice(1).split('&').map(hidePair).join('&')}`,
  );
}

function hidePair(pair: string): string {
  const end = pair.indexOf('=');
  return end < 0 ? HIDDEN : `${pair.slice(0, end)}=${HIDDEN}`;
}
