import type { z } from 'zod';
import { readYaml } from '../config/yaml-document.ts';
import { MESH_CONFIG_SCHEMA, type MeshConfig, STORED_MESH_CONFIG_SCHEMA } from './mesh-config.ts';
import { MeshConfigError } from './mesh-config-error.ts';

/** The largest configurations have some thousands of lines; what is larger is another file. */
export const MAX_DOCUMENT_BYTES = 256 * 1024;

/**
 * What a configuration says with its aliases and defaults written out: a few lines could say the same long list a hundred
 * times, and every sidecar is sent all of it.
 */
const MAX_CONFIG_BYTES = 2 * 1024 * 1024;

/** What is shown at once; the rest is usually the same mistake. */
const MAX_PROBLEMS = 20;

/**
 * Reads a mesh configuration: YAML whose top level is a mapping of sections; an empty one has none.
 *
 * @param name what messages call it: the path of the file
 * @throws MeshConfigError with the line and column of all that is wrong
 */
export function readMeshConfig(text: string, name: string): MeshConfig {
  const config = readWith(MESH_CONFIG_SCHEMA, text, name);
  const bytes = Buffer.byteLength(JSON.stringify(config));
  if (bytes > MAX_CONFIG_BYTES) {
    const expected = `expected at most ${MAX_CONFIG_BYTES / 1024} KiB with aliases and defaults written out`;
    throw tooLarge(name, `${expected}, got ${Math.ceil(bytes / 1024)} KiB`);
  }
  return config;
}

/** Reads a mesh configuration that is in force already. @throws MeshConfigError as `readMeshConfig` */
export function readStoredMeshConfig(text: string, name: string): MeshConfig {
  return readWith(STORED_MESH_CONFIG_SCHEMA, text, name);
}

function readWith(schema: z.ZodType<MeshConfig>, text: string, name: string): MeshConfig {
  if (Buffer.byteLength(text) > MAX_DOCUMENT_BYTES) {
    throw tooLarge(name, `expected at most ${MAX_DOCUMENT_BYTES / 1024} KiB`);
  }
  const reading = readYaml(text, schema, {});
  if (reading.kind === 'value') return reading.value;
  const [first, ...others] = reading.problems;
  const code = first.kind === 'malformed' ? 'document-malformed' : 'document-invalid';
  throw new MeshConfigError(code, name, [first, ...others.slice(0, MAX_PROBLEMS - 1)]);
}

function tooLarge(name: string, sentence: string): MeshConfigError {
  return new MeshConfigError('document-too-large', name, [{ line: 1, column: 1, sentence }]);
}
