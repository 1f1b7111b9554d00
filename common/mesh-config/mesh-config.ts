import { z } from 'zod';
import { addressesSection } from './addresses.ts';
import { authorizationSection } from './authorization.ts';
import { egressSection, storedEgressSection } from './egress.ts';
import { lifetimesSection } from './lifetimes.ts';
import { routesSection } from './routes/section.ts';

/**
 * A whole mesh configuration, `mesh.yaml`. Each section has a file of its own here, whose schema is
 * the only definition of its keys. A section that is left out is at its defaults, and
 * an empty document is a valid one.
 */
export const MESH_CONFIG_SCHEMA = z.strictObject({
  /** Whose claim to an address is accepted. */
  addresses: addressesSection.prefault({}),
  /** Who may talk to whom. */
  authorization: authorizationSection.prefault({}),
  /** Which places outside may be called, and how TLS is spoken to them. */
  egress: egressSection.prefault({}),
  /** How long certificates live. */
  lifetimes: lifetimesSection.prefault({}),
  /** What callers' sidecars do with HTTP requests for services. */
  routes: routesSection.prefault({}),
});

/**
 * A mesh configuration as the store has it. No operator could apply what only this one takes, but another
 * version of the software, or a hand, may have put it there.
 */
export const STORED_MESH_CONFIG_SCHEMA = MESH_CONFIG_SCHEMA.extend({
  egress: storedEgressSection.prefault({}),
});

/** What a mesh configuration says, complete with its defaults. */
export type MeshConfig = Readonly<z.output<typeof MESH_CONFIG_SCHEMA>>;
