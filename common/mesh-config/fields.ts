import { z } from 'zod';
import { isLabel } from '../names.ts';
import { requestPath } from '../routes/path-match.ts';

const PORT = 'expected a port from 1 to 65535';
const WILDCARD =
  'expected a path without *: PathPrefix /api is for all paths below /api, and %2A is the sign itself';

/** A port. */
export const portField = z.int(PORT).min(1, PORT).max(65_535, PORT);

/** A name of a rule, a namespace or a service. */
export const labelField = z
  .string()
  .refine(isLabel, 'expected a name of lower-case letters, digits, "-" and "_", at most 63 long');

/** The path of requests, read into the form in which paths are compared. */
export const pathField = z.string().transform((text, context) => {
  const path = requestPath(new TextDecoder('latin1').decode(new TextEncoder().encode(text)));
  if (path !== undefined && text.startsWith('/') && !/[?#]/.test(text)) return path;
  context.issues.push({ code: 'custom', input: text, message: PATH });
  return z.NEVER;
});

/**
 * A path that requests are compared with, read likewise. Other meshes take `/api/*` for a prefix, here it would be one path
 * that is never asked for, and a rule that denies it would deny nothing.
 */
export const matchedPathField = z
  .string()
  .refine((text) => !text.includes('*'), { message: WILDCARD, abort: true })
  .pipe(pathField);

const PATH =
  'expected a path as in /api/v1: with a slash in front, and without a query, empty segments, or . and ..';

/** Methods are case-sensitive (RFC 9110 section 9.1), and those that exist are in upper case. */
export const METHOD = /^[A-Z][-A-Z0-9_]{0,63}$/;

/** A gRPC service with its package. */
export const GRPC_SERVICE = /^[A-Za-z_]\w{0,99}(?:\.[A-Za-z_]\w{0,99}){0,20}$/;
