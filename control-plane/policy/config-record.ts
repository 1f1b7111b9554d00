import { z } from 'zod';
import type { MeshConfig } from '../../common/mesh-config/mesh-config.ts';
import { readMeshConfig, readStoredMeshConfig } from '../../common/mesh-config/read-mesh-config.ts';
import { recordCodec } from '../store/record-codec.ts';
import type { Entry } from '../store/store.ts';

/** Where the mesh configuration in force is; it is part of what every sidecar is told. */
export const CONFIG_KEY = 'mesh/config';

/** Where all versions are kept, each under its number. */
export const CONFIG_HISTORY_PREFIX = 'config/history/';

const configRecord = z.object({
  version: z.int().nonnegative(),
  document: z.string(),
  appliedMs: z.number(),
  origin: z.string(),
});

/** One version of the mesh configuration, as it was applied. */
export interface ConfigVersion extends Readonly<z.infer<typeof configRecord>> {
  /** From 1; 0 is the empty document that every mesh begins with. */
  readonly version: number;
  /** The text, comments and all. */
  readonly document: string;
  readonly appliedMs: number;
  /** How it came in: `apply`, `rollback to 3`, or `file mesh.yaml`. */
  readonly origin: string;
}

/** A version with what its document says. */
export interface ReadConfigVersion extends ConfigVersion {
  readonly config: MeshConfig;
}

/** What is in force before anything was applied. */
export const NO_CONFIG: ReadConfigVersion = {
  version: 0,
  document: '',
  appliedMs: 0,
  origin: 'none',
  config: readMeshConfig('', 'mesh.yaml'),
};

/** The key of a version; versions sort as their numbers do. */
export function historyKey(version: number): string {
  return CONFIG_HISTORY_PREFIX + String(version).padStart(12, '0');
}

/** A version as bytes for the store, and back, without a look into its document. Throws StoreError `corrupt`. */
export const { encode: encodeConfig, decode: decodeConfig } = recordCodec<ConfigVersion>(
  'a version of the mesh configuration',
  configRecord,
);

/**
 * Reads a version back, with what its document says.
 *
 * @throws StoreError `corrupt`; MeshConfigError when this software does not understand the document
 */
export function decodeReadConfig(entry: Entry): ReadConfigVersion {
  const version = decodeConfig(entry);
  const name = `version ${version.version} of the mesh configuration`;
  return { ...version, config: readStoredMeshConfig(version.document, name) };
}
