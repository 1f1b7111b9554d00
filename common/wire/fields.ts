import { z } from 'zod';
import { canonicalAddress, isDiallable } from '../network/ip-address.ts';
import { requestPath } from '../routes/path-match.ts';
import { RpcError } from '../rpc/rpc-error.ts';

const PORT = 'ports from 1 to 65535';

/** A port that can be called. */
export const portField = z.int(PORT).min(1, PORT).max(65_535, PORT);

/** An IP address that can be dialled, read into its canonical form. */
export const addressField = z.string().transform((text, context) => {
  const address = canonicalAddress(text);
  if (address !== undefined && isDiallable(address)) return address;
  const message = 'IP addresses that can be dialled';
  context.issues.push({ code: 'custom', input: text, message });
  return z.NEVER;
});

/** A condition on the path of a request, in the form in which paths are compared. */
export const pathMatchField = z.object({
  type: z.enum(['Exact', 'PathPrefix'], 'paths of type Exact or PathPrefix'),
  value: z
    .string()
    .refine((value) => value.startsWith('/') && requestPath(value) === value, 'normal paths'),
});

/**
 * Reads what came from outside.
 *
 * @param what as in `an endpoint`
 * @param schema its messages say what was expected, after `an endpoint with`
 * @throws RpcError `protocol`
 */
export function readMessage<Value>(
  what: string,
  schema: z.ZodType<Value>,
  message: unknown,
  hint = 'run versions of sidecar and control plane that fit together',
): Value {
  const { error, data } = schema.safeParse(message, { reportInput: true });
  if (error === undefined) return data;
  const { message: expected = 'another shape', input } = error.issues[0] ?? {};
  const got = JSON.stringify(input ?? null).slice(0, 128);
  throw new RpcError('protocol', `expected ${what} with ${expected}, got ${got}`, { hint });
}
