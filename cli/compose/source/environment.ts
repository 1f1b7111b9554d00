import { parseEnv } from 'node:util';
import { fillIn, type Variables } from './variables.ts';

/** Values of variables by their names. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A file of variables as it was read. */
export interface EnvironmentFile {
  readonly path: string;
  readonly text: string;
}

/**
 * The variables of a project: those of the environment come before those of the files, and a later file before
 * an earlier one (Compose specification, "Interpolation"; docs.docker.com, "Environment variables precedence").
 */
export function variablesOf(
  environment: Environment,
  files: readonly EnvironmentFile[],
): Variables {
  const fromFiles = new Map<string, string>();
  const lookUp: Variables = (name) => environment[name] ?? fromFiles.get(name);
  for (const { text } of files) {
    for (const [name, value = ''] of Object.entries(parseEnv(text))) {
      fromFiles.set(name, isLiteral(text, name) ? value : fillIn(value, lookUp).text);
    }
  }
  return lookUp;
}

/** Variables between single quotes are left as they are. */
function isLiteral(text: string, name: string): boolean {
  return new RegExp(`^\\s*(?:export\\s+)?${name}\\s*=\\s*'`, 'm').test(text);
}
