import { parse, stringify } from 'yaml';
import { redact } from '../../common/redact.ts';
import { HIDDEN } from '../../common/wire/sidecar-state.ts';

/** A variable with such a name has a secret for its value. */
const SECRET_NAME = /TOKEN|PASS|SECRET|KEY|CREDENTIAL|AUTH|COOKIE/i;

/** Shorter values are words that stand everywhere. */
const MIN_SECRET_CHARACTERS = 6;

const PATTERNS = [
  // RFC 3986 section 3.2.1: user and password in front of a host.
  { pattern: /\/\/[^\s/@"']+@/g, substitute: `//${HIDDEN}@` },
  { pattern: /\b(Bearer|Basic|Digest)\s+[\w.~+/=-]+/gi, substitute: `$1 ${HIDDEN}` },
  {
    pattern:
      /([\w-]*(?:password|passphrase|passwd|secret|api[-_]?key|authorization|cookie)[\w-]*\\?["']?\s*[:=]\s*)(\\?"(?:[^"\\]|\\.)*"|'[^']*'|[^\s,;}]+)/gi,
    substitute: `$1${HIDDEN}`,
  },
] as const;

/** Takes secrets out of a text: what looks like one, and the values of variables of this command that are named as one. */
export function createCleaner(env: Readonly<Record<string, string | undefined>>) {
  const values = Object.entries(env)
    .filter(([name]) => SECRET_NAME.test(name) && !name.endsWith('_FILE'))
    .map(([, value = '']) => value)
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

/** Of the output of a log reader the lines that a program of Hauberk has written: applications write what they like. */
export function ownLines(text: string): string {
  const lines = text
    .split('\n')
    .filter((line) =>
      /\{.*"level":"[a-z]+".*"name":"(?:proxy|gateway|control-plane|keeper)"/.test(line),
    );
  return lines.map((line) => `${line}\n`).join('');
}
