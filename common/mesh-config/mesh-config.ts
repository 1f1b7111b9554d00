import { z } from 'zod';
import { AUTHORIZATION_KEYS, authorizationSection } from './authorization.ts';
import { LIFETIMES_KEYS, lifetimesSection } from './lifetimes.ts';

/**
 * A whole mesh configuration, `mesh.yaml`. Each section has a file of its own here, whose schema is
 * the only place that says what may stand there. A section that is left out is at its defaults, and
 * an empty document is a valid one.
 */
export const MESH_CONFIG_SCHEMA = z.strictObject({
  /** Who may talk to whom. */
  authorization: authorizationSection.prefault({}),
  /** How long certificates live. */
  lifetimes: lifetimesSection.prefault({}),
});

/** What a mesh configuration says, complete with its defaults. */
export type MeshConfig = Readonly<z.output<typeof MESH_CONFIG_SCHEMA>>;

/** Every key of any section, to guess what a misspelt one was meant to be. */
export const MESH_CONFIG_KEYS: readonly string[] = [
  ...Object.keys(MESH_CONFIG_SCHEMA.shape),
  ...AUTHORIZATION_KEYS,
  ...LIFETIMES_KEYS,
];
