import { resolve } from 'node:path';
import { parseEnv } from 'node:util';
import type { Files } from './files.ts';
import { fillIn, type Variables } from './variables.ts';

/** Values of variables by their names. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** The texts of the files of variables that are named, else of the `.env` of a folder, if it has one. */
export function readEnvFiles(named: readonly string[], folder: string, files: Files): string[] {
  const dotEnv = resolve(folder, '.env');
  const paths = named.length > 0 ? named : files.isFile(dotEnv) ? [dotEnv] : [];
  return paths.map((path) => files.read(path));
}

/**
 * The variables of a project: those of the environment come before those of the files, and a later file before
 * an earlier one (Compose specification, "Interpolation"; docs.docker.com, "Environment variables precedence").
 */
export function variablesOf(environment: Environment, files: readonly string[]): Variables {
  const fromFiles = new Map<string, string>();
  const lookUp: Variables = (name) => environment[name] ?? fromFiles.get(name);
  for (const text of files) {
    for (const [name, value = ''] of Object.entries(parseEnv(text))) {
      fromFiles.set(name, isLiteral(text, name) ? value : fillIn(value, lookUp).text);
    }
  }
  return lookUp;
}

/** Variables between single quotes are left as they are. */
function isLiteral(text: string, name: string): boolean {
  return new RegExp(`^\\s*(?:export\\s+)?${RegExp.escape(name)}\\s*=\\s*'`, 'm').test(text);
}
