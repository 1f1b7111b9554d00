import { X509Certificate } from 'node:crypto';
import { z } from 'zod';
import { describeError, translating } from '../errors.ts';
import { certificateName } from './certificate-name.ts';
import { authorityProblem, isSelfSigned, otherTrustDomain } from './issued-by.ts';
import { parsePemChain } from './pem.ts';
import { PkiError } from './pki-error.ts';

/** The roots of a trust domain as they are handed to another one. */
export interface SpiffeBundle {
  /** None: no workload of the trust domain is trusted. */
  readonly roots: readonly X509Certificate[];
  /** Grows with every change, where it is told. */
  readonly sequence?: number | undefined;
  /** How often to look for the next one, where it is told. */
  readonly refreshHintSeconds?: number | undefined;
}

/** What is read; more is permitted and ignored (SPIFFE Trust Domain and Bundle, section 4.2). */
const bundleSchema = z.object({
  spiffe_sequence: z.int().nonnegative().optional(),
  spiffe_refresh_hint: z.int().nonnegative().optional(),
  keys: z.array(z.object({ use: z.string().optional(), x5c: z.array(z.base64()).optional() })),
});

/** A trust domain has a root, two while it rotates, and a few that it has added. */
const MAX_ROOTS = 32;

/**
 * A bundle in the SPIFFE format: a JWK set (RFC 7517) in which each root is a key with its certificate
 * (X509-SVID section 6).
 */
export function encodeSpiffeBundle(bundle: SpiffeBundle): string {
  const { roots, sequence, refreshHintSeconds } = bundle;
  const keys = roots.map(({ publicKey, raw }) =>
    Object.assign(publicKey.export({ format: 'jwk' }), {
      use: 'x509-svid',
      x5c: [raw.toString('base64')],
    }),
  );
  return JSON.stringify({
    ...(sequence === undefined ? {} : { spiffe_sequence: sequence }),
    ...(refreshHintSeconds === undefined ? {} : { spiffe_refresh_hint: refreshHintSeconds }),
    keys,
  });
}

/**
 * Reads a bundle. Keys for other uses than X.509-SVIDs are ignored, as the format wants it.
 *
 * @param trustDomain whose bundle it is: a root that says in its certificate that it is for another
 *   one is refused
 * @throws PkiError `certificate-malformed`
 */
export function parseSpiffeBundle(text: string, trustDomain: string): SpiffeBundle {
  const document = translating(
    () => bundleSchema.parse(JSON.parse(text)),
    (cause) => {
      const why = cause instanceof z.ZodError ? z.prettifyError(cause) : describeError(cause);
      const got = `something else (${why.replaceAll('\n', ', ')})`;
      return malformed(`expected a SPIFFE bundle, got ${got}`, cause);
    },
  );
  const roots = document.keys
    .filter(({ use }) => use === 'x509-svid')
    .map(({ x5c = [] }) => readRoot(x5c, trustDomain));
  if (roots.length > MAX_ROOTS) {
    throw malformed(`expected at most ${MAX_ROOTS} roots in a SPIFFE bundle, got ${roots.length}`);
  }
  return {
    roots,
    sequence: document.spiffe_sequence,
    refreshHintSeconds: document.spiffe_refresh_hint,
  };
}

/** Reads roots from a file: a SPIFFE bundle, or PEM. @throws PkiError `certificate-malformed` */
export function parseBundleFile(text: string, trustDomain: string): SpiffeBundle {
  if (text.trimStart().startsWith('{')) return parseSpiffeBundle(text, trustDomain);
  return { roots: parsePemChain(text).map((root) => checked(root, trustDomain)) };
}

function readRoot(x5c: readonly string[], trustDomain: string): X509Certificate {
  const [only, ...more] = x5c;
  if (only === undefined || more.length > 0) {
    throw malformed(`expected one certificate for each root in a bundle, got ${x5c.length}`);
  }
  const root = translating(
    () => new X509Certificate(Buffer.from(only, 'base64')),
    (cause) => malformed('expected a certificate in DER in a bundle, got other bytes', cause),
  );
  return checked(root, trustDomain);
}

function checked(root: X509Certificate, trustDomain: string): X509Certificate {
  const name = certificateName(root);
  const problem = authorityProblem(root) ?? (isSelfSigned(root) ? undefined : 'is not self-signed');
  if (problem !== undefined) {
    throw malformed(`expected a root in a bundle, got ${name}, which ${problem}`);
  }
  const other = otherTrustDomain(root, trustDomain);
  if (other === undefined) return root;
  throw malformed(`expected a root of spiffe://${trustDomain}, got ${name} of ${other}`);
}

function malformed(message: string, cause?: unknown): PkiError {
  return new PkiError('certificate-malformed', message, { cause });
}
