import type { KeyObject, X509Certificate } from 'node:crypto';
import type { Logger } from 'pino';
import type { WallClock } from '../../../common/clock.ts';
import { describeError, translating } from '../../../common/errors.ts';
import { createIssuerCsr } from '../../../common/pki/csr.ts';
import { certificateName } from '../../../common/pki/certificate-name.ts';
import { rootDigest } from '../../../common/pki/join-token/root-digest.ts';
import { generatePrivateKey } from '../../../common/pki/key.ts';
import { isIssuedBy, isSelfSigned } from '../../../common/pki/issued-by.ts';
import { parsePemChain } from '../../../common/pki/pem.ts';
import type { Operation } from '../../store/store.ts';
import { CA_KEYS, type Authorities, type AuthorityPair } from '../authorities/authorities.ts';
import type { AuthoritySource } from '../authorities/source.ts';
import { CaError } from '../ca-error.ts';
import { beginOperations } from '../rotation/transitions.ts';
import { encodeIssuer, encodeKey } from '../authorities/stored-authority.ts';
import { checkUpstreamChain, unusable } from './upstream-issuer.ts';

/** What requesting and installing an issuer takes. */
export interface IssuerRequestsOptions {
  readonly authorities: AuthoritySource;
  readonly trustDomain: string;
  /** The issuer comes from files, which would replace whatever is installed. */
  readonly fromFiles: boolean;
  readonly clock: WallClock;
  readonly logger: Logger;
}

/** How an issuer is to be installed. */
export interface InstallOptions {
  /** It may be below another root than the mesh, which is rotated to then. */
  readonly newRoot: boolean;
}

/** For a root whose key is offline: the request goes to it, the certificate comes back. */
export interface IssuerRequests {
  /**
   * The request in PEM, for a key that is made here and kept in the store. Until a certificate for it
   * is installed it is the same key each time, but for `fresh`, which forgets the former one.
   *
   * @throws CaError `issuer-from-files`, `authority-busy`; StoreError
   */
  request(options: { readonly fresh: boolean }): Promise<string>;
  /**
   * Takes a chain into use: the issuer first, then what leads to the root; the root may be left out
   * when the mesh trusts it. Whatever is refused changes nothing.
   *
   * @throws CaError `issuer-from-files`, `issuer-not-requested`, `upstream-issuer-unusable`,
   *   `upstream-root-changed`, `rotation-under-way`, `authority-busy`; StoreError
   */
  install(pem: string, options: InstallOptions): Promise<void>;
}

/** Opens the way of an issuer from an offline root into the mesh. */
export function createIssuerRequests(options: IssuerRequestsOptions): IssuerRequests {
  const { authorities, trustDomain, fromFiles, clock, logger } = options;
  const requireNoFiles = (): void => {
    if (!fromFiles) return;
    throw new CaError('issuer-from-files', 'the issuer comes from --issuer-cert and --issuer-key', {
      hint: 'write the next one into those files, or start without the two flags',
    });
  };
  return {
    async request({ fresh }) {
      requireNoFiles();
      const made = generatePrivateKey();
      const { requestedKey: key = made } = await authorities.change(({ requestedKey }) => {
        if (requestedKey !== undefined && (!fresh || requestedKey.equals(made))) return [];
        return [{ kind: 'put', key: CA_KEYS.requestedKey, value: encodeKey(made) }];
      });
      return toRequestPem(createIssuerCsr(key, trustDomain));
    },
    async install(pem, { newRoot }) {
      requireNoFiles();
      const { requestedKey, bundle } = authorities.current();
      if (requestedKey === undefined) throw notRequested();
      const given = translating(
        () => parsePemChain(pem),
        (cause) => unusable(describeError(cause), { cause }),
      );
      requireRequested(given, requestedKey);
      const chain = completed(given, bundle.roots);
      const nowMs = clock.epochMs();
      const pair = await checkUpstreamChain(chain, () => requestedKey, { trustDomain, nowMs });
      const after = await authorities.change((present) => {
        const { issuer } = present;
        if (issuer.certificate.raw.equals(pair.issuer.certificate.raw)) return [];
        // Another call may have made a fresh key, or installed another certificate, in between.
        if (present.requestedKey?.equals(requestedKey) !== true) throw notRequested();
        return installOperations(present, pair, { newRoot, trustDomain, nowMs });
      });
      const until = pair.issuer.certificate.validToDate;
      const rotates = after.rotation !== undefined;
      logger.warn(
        { event: 'issuer-installed', notAfterMs: until.getTime(), rotates },
        rotates
          ? 'an issuer was installed below a new root, to which the mesh is rotated'
          : `an issuer was installed, and signs certificates until ${until.toISOString()}`,
      );
    },
  };
}

function installOperations(
  present: Authorities,
  pair: AuthorityPair,
  { newRoot, trustDomain, nowMs }: InstallOptions & { trustDomain: string; nowMs: number },
): Operation[] {
  if (present.rotation !== undefined) {
    throw new CaError('rotation-under-way', 'a rotation of the root is under way', {
      hint: 'wait until `hauberk ca status` says that none is, and install the issuer then',
    });
  }
  const forget: Operation = { kind: 'delete', key: CA_KEYS.requestedKey };
  const [has, got] = [present.root, pair.root].map(({ certificate }) => rootDigest(certificate));
  if (has === got) {
    return [{ kind: 'put', key: CA_KEYS.issuer, value: encodeIssuer(pair.issuer) }, forget];
  }
  if (newRoot) return [...beginOperations(present, { pair, trustDomain, nowMs }), forget];
  const sentence = `expected an issuer below the root of the mesh, ${has ?? ''}, got one below ${got ?? ''}`;
  const hint = 'add --new-root if the mesh is to be rotated to that root';
  throw new CaError('upstream-root-changed', sentence, { hint });
}

/** With the root at its end, where the one who signed left out a root that the mesh trusts. */
function completed(
  chain: readonly X509Certificate[],
  roots: readonly X509Certificate[],
): readonly X509Certificate[] {
  const top = chain.at(-1);
  if (top === undefined || isSelfSigned(top)) return chain;
  const root = roots.find((one) => isIssuedBy(top, one));
  if (root !== undefined) return [...chain, root];
  throw unusable(
    `the chain ends with ${certificateName(top)}, which no root of the mesh has signed`,
    { hint: 'append what is missing to the file, the root last' },
  );
}

/** Before anything else: the usual mistake is a certificate for the request before. */
function requireRequested([issuer]: readonly X509Certificate[], requestedKey: KeyObject): void {
  if (issuer === undefined || issuer.checkPrivateKey(requestedKey)) return;
  throw unusable('its key is not that of the request', {
    hint: 'sign what `hauberk ca csr` prints now, and put that certificate first',
  });
}

function notRequested(): CaError {
  const sentence = 'expected a certificate for a pending issuer request, and none is pending';
  return new CaError('issuer-not-requested', sentence, {
    hint: 'have what `hauberk ca csr` prints signed, and install that certificate',
  });
}

/** RFC 7468 section 7. */
function toRequestPem(der: Buffer): string {
  const lines = der.toString('base64').replace(/.{1,64}/g, '$&\n');
  return `-----BEGIN CERTIFICATE REQUEST-----\n${lines}-----END CERTIFICATE REQUEST-----\n`;
}
