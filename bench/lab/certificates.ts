import { createPublicKey } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createIssuer, createRoot, type Authority } from '../../common/pki/authority.ts';
import { generatePrivateKey } from '../../common/pki/key.ts';
import { issueLeaf } from '../../common/pki/leaf.ts';
import { DEFAULT_LEAF_LIFETIME_MS } from '../../common/pki/lifetimes.ts';
import { toPem } from '../../common/pki/pem.ts';
import { spiffeId } from '../../common/pki/spiffe-id.ts';

/** Files with the credential of one side, PEM. */
export interface CredentialFiles {
  /** Leaf, then issuer. */
  readonly chain: string;
  readonly key: string;
  /** Key and chain in one, as HAProxy wants them. */
  readonly combined: string;
  readonly uri: string;
}

/** The credentials of a pair of sidecars. */
export interface PairCertificates {
  /** The root certificate, PEM. */
  readonly root: string;
  /** Root and issuer, for clients that find the chain of their own certificate there. */
  readonly trusted: string;
  readonly caller: CredentialFiles;
  readonly callee: CredentialFiles;
}

/** Of all peers; the default of a control plane. */
export const TRUST_DOMAIN = 'mesh.local';
/** The name that the callee's certificate has. */
export const CALLEE_NAME = 'api';

/** Makes certificates as the control plane issues them: P-256, root, issuer and leaf. */
export function makeCertificates(directory: string): PairCertificates {
  const options = { trustDomain: TRUST_DOMAIN, nowMs: Date.now() };
  const root = createRoot(options);
  const issuer = createIssuer(root, options);
  const rootFile = join(directory, 'root.pem');
  writeFileSync(rootFile, toPem([root.certificate]));
  const trusted = join(directory, 'trusted.pem');
  writeFileSync(trusted, toPem([root.certificate, issuer.certificate]));
  return {
    root: rootFile,
    trusted,
    caller: writeCredential(directory, issuer, 'web'),
    callee: writeCredential(directory, issuer, CALLEE_NAME),
  };
}

function writeCredential(directory: string, issuer: Authority, service: string): CredentialFiles {
  const id = spiffeId({ trustDomain: TRUST_DOMAIN, namespace: 'bench', service });
  const privateKey = generatePrivateKey();
  const leaf = issueLeaf(issuer, {
    publicKey: createPublicKey(privateKey),
    spiffeId: id,
    nowMs: Date.now(),
    // A run takes minutes; a full one on a slow machine may take more than an hour.
    lifetimeMs: 24 * DEFAULT_LEAF_LIFETIME_MS,
  });
  const chain = toPem([leaf, issuer.certificate]);
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const file = (name: string, content: string): string => {
    const path = join(directory, `${service}-${name}.pem`);
    writeFileSync(path, content, { mode: 0o600 });
    return path;
  };
  return {
    chain: file('chain', chain),
    key: file('key', key),
    combined: file('combined', `${key}${chain}`),
    uri: id.uri,
  };
}
