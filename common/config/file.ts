import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type * as Yaml from 'yaml';
import { describeError, systemErrorCode, systemReason } from '../errors.ts';
import { ConfigError, lowerFirst } from './config-error.ts';

/** A value of the configuration file and its line, as in `hauberk.yaml:3`. */
export interface FileValue {
  readonly value: unknown;
  readonly place: string;
}

/** A configuration has some dozens of lines; what is larger is another file. */
const MAX_FILE_BYTES = 1024 * 1024;

const require = createRequire(import.meta.url);

/**
 * Reads a YAML file whose top level is a mapping (an empty file has no keys).
 *
 * @throws ConfigError `file-missing`, `file-unreadable`, or `file-malformed` with the line
 */
export function readConfigFile(path: string): ReadonlyMap<string, FileValue> {
  // Loaded here: most programs are started without a file.
  const { isMap, isScalar, LineCounter, parseDocument } = require('yaml') as typeof Yaml;
  const lines = new LineCounter();
  const document = parseDocument(readText(path), { lineCounter: lines, prettyErrors: false });
  const [problem] = document.errors;
  if (problem !== undefined) {
    const { line } = lines.linePos(problem.pos[0]);
    throw malformed(`${path}:${line} is not valid YAML: ${lowerFirst(problem.message)}`);
  }
  if (document.contents === null) return new Map();
  if (!isMap(document.contents)) {
    throw malformed(`${path} must be a list of settings such as "logLevel: info", one a line`);
  }
  const values = new Map<string, FileValue>();
  for (const { key } of document.contents.items) {
    if (!isScalar(key)) throw malformed(`${path} has a key that is not a word`);
    const { line } = lines.linePos(key.range?.[0] ?? 0);
    const node: unknown = document.get(key.value, true);
    values.set(String(key.value), {
      value: isScalar(node) ? node.value : plainValue(document, key.value, path),
      place: `${path}:${line}`,
    });
  }
  return values;
}

function plainValue(document: Yaml.Document, key: unknown, path: string): unknown {
  try {
    return (document.toJS() as Record<string, unknown>)[String(key)];
  } catch (cause) {
    // An alias that nests without end, for one.
    throw malformed(`${path} cannot be read: ${describeError(cause)}`);
  }
}

function readText(path: string): string {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    if (systemErrorCode(cause) === 'ENOENT') {
      throw new ConfigError('file-missing', `there is no configuration file ${path}`, {
        hint: 'check the path after --config or in HAUBERK_CONFIG',
        cause,
      });
    }
    const sentence = `the configuration file ${path} cannot be read: ${systemReason(cause)}`;
    const hint = 'check its permissions and that it is a file';
    throw new ConfigError('file-unreadable', sentence, { hint, cause });
  }
  if (text.length > MAX_FILE_BYTES) throw malformed(`${path} is larger than 1 MiB`);
  return text;
}

function malformed(message: string): ConfigError {
  return new ConfigError('file-malformed', message, { hint: 'correct the file and start again' });
}
