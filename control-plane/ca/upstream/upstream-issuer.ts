import {
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  type X509Certificate,
} from 'node:crypto';
import { openAuthority } from '../../../common/pki/authority.ts';
import { describeError, translating, type ErrorDetails } from '../../../common/errors.ts';
import { certificateName } from '../../../common/pki/certificate-name.ts';
import {
  authorityProblem,
  dateProblem,
  isIssuedBy,
  otherTrustDomain,
} from '../../../common/pki/issued-by.ts';
import { generatePrivateKey } from '../../../common/pki/key.ts';
import { issueLeaf } from '../../../common/pki/leaf.ts';
import { DEFAULT_LEAF_LIFETIME_MS } from '../../../common/pki/lifetimes.ts';
import { parsePemChain } from '../../../common/pki/pem.ts';
import { controlPlaneId } from '../../../common/pki/spiffe-id.ts';
import type { AuthorityPair } from '../authorities/authorities.ts';
import { CaError } from '../ca-error.ts';
import type { IssuerAuthority } from '../authorities/stored-authority.ts';
import { secureContextOptions } from '../../../common/pki/tls-options.ts';
import { tryHandshake } from '../../../common/tls/try-handshake.ts';

/** An issuer that was made elsewhere, as it came. */
export interface UpstreamFiles {
  /** Chain in PEM: the issuer first, the root last. */
  readonly certificate: string;
  /** PEM, not encrypted. */
  readonly privateKey: string;
}

/** What an issuer is held to. */
export interface UpstreamOptions {
  readonly trustDomain: string;
  readonly nowMs: number;
}

/** Issuer, two between it and the root, and the root: every handshake carries them. */
const MAX_CHAIN = 4;

/** What OpenSSL says when the certificates of the chain do not permit what the mesh does with them. */
const SENTENCES: Readonly<Record<string, string>> = {
  PATH_LENGTH_EXCEEDED: 'a path length in the chain does not permit another issuer',
  INVALID_CA: 'a certificate in the chain is not that of an authority',
  INVALID_PURPOSE: 'the chain does not permit certificates for TLS servers and clients',
  // Node has no name for what OpenSSL says of names.
  UNSPECIFIED: 'a constraint in the chain, as of names, does not permit the trust domain',
};

/**
 * Checks an issuer that the operator's own PKI has made, in all that sidecars will hold it to.
 *
 * @returns issuer and root; the key of the root is not here
 * @throws CaError `upstream-issuer-unusable` with the reason
 */
export async function checkUpstreamIssuer(
  { certificate, privateKey }: UpstreamFiles,
  options: UpstreamOptions,
): Promise<AuthorityPair> {
  const chain = attempt(() => parsePemChain(certificate));
  return checkUpstreamChain(chain, () => createPrivateKey(privateKey), options);
}

/**
 * The same for a chain that was read, whose key is somewhere else.
 *
 * @param key looked at when the chain is fine
 * @throws CaError `upstream-issuer-unusable` with the reason
 */
export async function checkUpstreamChain(
  chain: readonly X509Certificate[],
  key: () => KeyObject,
  { trustDomain, nowMs }: UpstreamOptions,
): Promise<AuthorityPair> {
  const [issuer, ...above] = chain;
  const root = above.pop();
  if (issuer === undefined || root === undefined) {
    throw unusable('expected the issuer and all that leads to its root, got one certificate', {
      hint: 'append the certificates above it to the file, the root last',
    });
  }
  if (chain.length > MAX_CHAIN) {
    throw unusable(
      `expected at most ${MAX_CHAIN} certificates from issuer to root, got ${chain.length}`,
    );
  }
  requireChain([issuer, ...above, root], nowMs);
  requireTrustDomain([issuer, ...above], trustDomain);
  const privateKey = attempt(key);
  const authority = attempt(() => openAuthority(issuer, privateKey));
  const pair = { root: { certificate: root }, issuer: { ...authority, intermediates: above } };
  await requireUsable(pair, trustDomain, nowMs);
  return pair;
}

function requireChain(chain: readonly X509Certificate[], nowMs: number): void {
  for (const [index, link] of chain.entries()) {
    const name = certificateName(link);
    const signer = chain[index + 1] ?? link;
    const problem = authorityProblem(link);
    if (problem !== undefined) {
      throw unusable(`expected a certificate of an authority, got ${name}, which ${problem}`);
    }
    if (!isIssuedBy(link, signer)) {
      throw signer === link
        ? unusable(`expected a root at the end of the chain, got ${name}, which is not self-signed`)
        : unusable(`${name} was not signed by ${certificateName(signer)}, which follows it`);
    }
    const outdated = dateProblem(link, nowMs);
    if (outdated !== undefined) throw unusable(`${name} ${outdated}`);
    if (link.validToDate > signer.validToDate) {
      throw unusable(`${name} is valid for longer than ${certificateName(signer)}, its signer`);
    }
  }
}

function requireTrustDomain(issuers: readonly X509Certificate[], trustDomain: string): void {
  for (const issuer of issuers) {
    const other = otherTrustDomain(issuer, trustDomain);
    if (other === undefined) continue;
    const got = `${certificateName(issuer)} of ${other}`;
    throw unusable(`expected an issuer of spiffe://${trustDomain}, got ${got}`);
  }
}

/** Signs something with it, and looks at that as a peer would. */
async function requireUsable(
  { root, issuer }: { root: { certificate: X509Certificate }; issuer: IssuerAuthority },
  trustDomain: string,
  nowMs: number,
): Promise<void> {
  const privateKey = generatePrivateKey();
  const leaf = attempt(() =>
    issueLeaf(issuer, {
      publicKey: createPublicKey(privateKey),
      spiffeId: controlPlaneId(trustDomain),
      lifetimeMs: DEFAULT_LEAF_LIFETIME_MS,
      nowMs,
    }),
  );
  const chain = [leaf, issuer.certificate, ...issuer.intermediates];
  // Both sides have the same certificate: whatever a sidecar would hold against a chain shows, in both directions.
  const context = secureContextOptions({ chain, privateKey, roots: [root.certificate] });
  const { ofServer, ofClient } = await tryHandshake({ server: context, client: context }).catch(
    (cause: unknown) => {
      throw unusable(`no handshake can be made with it: ${describeError(cause)}`, { cause });
    },
  );
  // What OpenSSL says of the chain, as `PATH_LENGTH_EXCEEDED`.
  const reason = ofServer ?? ofClient;
  if (reason === undefined) return;
  throw unusable(`${SENTENCES[reason] ?? 'what it signs is not trusted'} (${reason})`);
}

function attempt<T>(read: () => T): T {
  // OpenSSL's words about a key hold nothing of the key.
  return translating(read, (cause) => unusable(describeError(cause), { cause }));
}

/** A refusal with its reason. */
export function unusable(why: string, details: ErrorDetails = {}): CaError {
  return new CaError('upstream-issuer-unusable', `the given issuer cannot be used: ${why}`, {
    hint: 'make another one, as docs/upstream-authority.md shows',
    ...details,
  });
}
