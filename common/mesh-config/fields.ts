import { z } from 'zod';
import { isLabel } from '../names.ts';

const PORT = 'expected a port from 1 to 65535';

/** A port. */
export const portField = z.int(PORT).min(1, PORT).max(65_535, PORT);

/** A name of a rule, a namespace or a service. */
export const labelField = z
  .string()
  .refine(isLabel, 'expected a name of lower-case letters, digits, "-" and "_", at most 63 long');
