import { X509Certificate, type KeyObject } from 'node:crypto';
import type { Clock } from '../../common/clock.ts';
import { momentOf } from '../../common/dates.ts';
import { translating } from '../../common/errors.ts';
import { certificateName } from '../../common/pki/certificate-name.ts';
import { isIssuedBy } from '../../common/pki/issued-by.ts';
import { createCsr } from '../../common/pki/csr.ts';
import { generatePrivateKey } from '../../common/pki/key.ts';
import { peerSpiffeId } from '../../common/pki/peer.ts';
import type { SpiffeId } from '../../common/pki/spiffe-id.ts';
import type { TrustBundle } from '../../common/pki/trust-bundle.ts';
import { readBundle } from '../../common/wire/bundle.ts';
import {
  createChannel,
  type ChannelSettings,
  type ControlPlaneChannel,
} from '../../common/rpc/channel.ts';
import { RpcError } from '../../common/rpc/rpc-error.ts';
import { IdentityService, type IssueResponse } from '../../proto/gen/hauberk/v1/identity.ts';
import { withSkew } from './skew.ts';
import type { WorkloadIdentity } from './source.ts';

/** What one certificate is asked for with. */
export interface IssueSettings {
  readonly spiffeId: SpiffeId;
  /** Where to, whom to trust there, and the certificate to renew, if any. */
  readonly channel: ChannelSettings;
  /** Such a connection, when it is open already; it stays open. */
  readonly over?: Pick<ControlPlaneChannel, 'call'>;
  /** For first contact. */
  readonly token?: string;
  /** Lifetime to ask for; the control plane decides. */
  readonly lifetimeMs?: number | undefined;
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly signal: AbortSignal;
}

/**
 * Makes a key, has it signed, and accepts the answer only when it fits: our key, our identity, a
 * chain that ends in the roots that came with it.
 *
 * @throws RpcError
 */
export async function issue(settings: IssueSettings): Promise<WorkloadIdentity> {
  const privateKey = generatePrivateKey();
  const response = await call(settings, privateKey);
  const received = momentOf(settings.clock);
  const { spiffeId } = settings;
  if (response.bundle === undefined) throw odd('no trust bundle');
  const bundle = readBundle(response.bundle, spiffeId.trustDomain);
  const chain = checkedChain(response, bundle);
  const [leaf] = chain;
  if (!leaf.checkPrivateKey(privateKey)) throw odd('a certificate for another key');
  if (peerSpiffeId(leaf).uri !== spiffeId.uri) throw odd(`a certificate of ${leaf.subjectAltName}`);
  // Counted by the control plane's clock, so that ours may be wrong.
  const lifetimeMs = leaf.validToDate.getTime() - response.serverTimeMs;
  if (!(lifetimeMs > 0)) throw odd('a certificate that has already expired');
  return { spiffeId, privateKey, chain, bundle, received, lifetimeMs };
}

async function call(settings: IssueSettings, privateKey: KeyObject): Promise<IssueResponse> {
  if (settings.over !== undefined) return await callOver(settings.over, settings, privateKey);
  const channel = createChannel(settings.channel);
  try {
    return await callOver(channel, settings, privateKey);
  } finally {
    channel.close();
  }
}

async function callOver(
  channel: Pick<ControlPlaneChannel, 'call'>,
  settings: IssueSettings,
  privateKey: KeyObject,
): Promise<IssueResponse> {
  const { signal, spiffeId, timeoutMs, token, lifetimeMs } = settings;
  const request = {
    csr: createCsr(privateKey),
    joinToken: token ?? '',
    spiffeId: spiffeId.uri,
    lifetimeSeconds: Math.ceil((lifetimeMs ?? 0) / 1000),
  };
  try {
    return await channel.call(IdentityService.issue, request, { timeoutMs, signal });
  } catch (error) {
    if (!(error instanceof RpcError)) throw error;
    throw await withSkew(error, settings.channel, settings.clock.epochMs());
  }
}

function checkedChain(
  { chain: ders }: IssueResponse,
  bundle: TrustBundle,
): [X509Certificate, ...X509Certificate[]] {
  const [leaf, ...issuers] = translating(
    () => ders.map((der) => new X509Certificate(der)),
    (cause) =>
      new RpcError('protocol', 'expected certificates in DER, got something else', { cause }),
  );
  if (leaf === undefined) throw odd('no certificate');
  const chain: [X509Certificate, ...X509Certificate[]] = [leaf, ...issuers];
  for (const [index, link] of chain.entries()) {
    const candidates = index + 1 < chain.length ? [chain[index + 1]] : bundle.roots;
    const issued = candidates.some((issuer) => issuer !== undefined && isIssuedBy(link, issuer));
    if (!issued) throw odd(`a chain with a gap after ${certificateName(link)}`);
  }
  return chain;
}

function odd(got: string): RpcError {
  return new RpcError('protocol', `expected a certificate as asked for, got ${got}`, {
    hint: 'check that sidecar and control plane are of versions that fit',
  });
}
