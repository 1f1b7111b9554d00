/**
 * Leaves with names of the mesh, below odd authorities of the operator's own root: valid ones, and
 * expired ones, of which OpenSSL says no more than that they have expired. None is given a
 * certificate, and none gets into a sidecar, whoever it says that it is; each is refused with what is
 * wrong with it.
 */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { connect } from 'node:tls';
import type { ExecutionContext } from 'ava';
import { parsePemChain } from '../../../common/pki/pem.ts';
import { createCsr } from '../../../common/pki/csr.ts';
import { generatePrivateKey } from '../../../common/pki/key.ts';
import { createChannel } from '../../../common/rpc/channel.ts';
import { RpcError } from '../../../common/rpc/rpc-error.ts';
import { IdentityClient } from '../../../proto/gen/hauberk/v1/identity.ts';
import { createDatedCertificates } from '../../helpers/pki/dated-certificates.ts';
import { within } from '../../helpers/deadline.ts';
import type { MetricSamples } from '../../helpers/metric-samples.ts';
import { startMesh } from '../../helpers/mesh/mesh.ts';
import {
  makeOddPath,
  makeRoot,
  ODD_PATHS,
  refusalOnceExpired,
  refusalWhileValid,
} from '../../helpers/pki/odd-paths.ts';
import { hboneOptionsOf, type PeerCredentials } from '../../helpers/clients/peer-credentials.ts';
import { requires } from '../../helpers/machine/requirements.ts';
import { temporaryDirectory } from '../../helpers/machine/temporary-directory.ts';

const test = requires('openssl');

const WEB = 'spiffe://mesh.local/ns/default/sa/web';
const REASONS = ['untrusted', 'expired', 'not-yet-valid', 'signing-certificate'];
const ADMIN = 'spiffe://mesh.local/ns/hauberk/sa/admin';

async function rig(t: ExecutionContext) {
  const certificates = await createDatedCertificates(t);
  await makeRoot(certificates);
  const directory = await temporaryDirectory();
  t.teardown(() => directory[Symbol.asyncDispose]());
  const [cert, key] = ['issuer.pem', 'issuer.key'].map((name) => path.join(directory.path, name));
  if (cert === undefined || key === undefined) throw new Error('expected two paths');
  await writeFile(key, await certificates.keyPem('issuer'), { mode: 0o600 });
  await writeFile(cert, (await certificates.pem('issuer')) + (await certificates.pem('root')));
  const flags = [`--issuer-cert=${cert}`, `--issuer-key=${key}`];
  const mesh = await startMesh(t, { controlPlaneArgs: flags });
  const roots = parsePemChain(await certificates.pem('root'));
  const api = await mesh.sidecar({ service: 'api' });

  /** What the control plane says to it. */
  const issue = async (
    spiffeId: string,
    identity: PeerCredentials,
  ): Promise<RpcError | 'issued'> => {
    const address = { host: '127.0.0.1', port: mesh.controlPlane.grpcPort };
    const channel = createChannel({ address, trustDomain: 'mesh.local', roots, identity });
    const csr = createCsr(generatePrivateKey());
    try {
      const answer = await new Promise<Error | 'issued'>((resolve) => {
        const request = { csr, joinToken: '', spiffeId, lifetimeSeconds: 0 };
        channel.client(IdentityClient).issue(request, (error) => {
          resolve(error === null ? 'issued' : channel.explain(error));
        });
      });
      if (answer === 'issued' || answer instanceof RpcError) return answer;
      throw answer;
    } finally {
      channel.close();
    }
  };
  /** For what the sidecar refuses its handshake. */
  const knock = async (credentials: PeerCredentials): Promise<string[]> => {
    const before = await api.metrics();
    const options = hboneOptionsOf(credentials);
    // Otherwise OpenSSL does not even show what is weak.
    const socket = connect({ ...options, port: api.hbonePort, ciphers: 'DEFAULT@SECLEVEL=0' });
    socket.on('error', () => {});
    socket.resume();
    // The alert that says why is an error first.
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    await within('the refusal', closed);
    const after = await api.metrics();
    const count = (metrics: MetricSamples, reason: string): number =>
      metrics.sum('hauberk_handshakes_refused_total', { direction: 'inbound', reason });
    return REASONS.filter((reason) => count(after, reason) > count(before, reason));
  };
  return { certificates, issue, knock };
}

test('nobody gets in by way of an odd authority, valid or expired', async (t) => {
  const { certificates, issue, knock } = await rig(t);
  for (const [what, odd] of Object.entries(ODD_PATHS)) {
    for (const uri of [WEB, ADMIN]) {
      const valid = await makeOddPath(certificates, odd, { uri, isExpired: false });
      const refusal = await issue(uri, valid);
      t.is(refusal === 'issued' ? refusal : refusal.code, refusalWhileValid(odd), `valid: ${what}`);
      t.deepEqual(await knock(valid), [odd.whileValid], `valid: ${what}`);

      const expired = await makeOddPath(certificates, odd, { uri, isExpired: true });
      const late = await issue(uri, expired);
      if (late === 'issued') return t.fail(`expired: ${what}`);
      t.is(late.code, refusalOnceExpired(odd), `expired: ${what}: ${late.message}`);
      t.is((await knock(expired)).length, 1, `expired: ${what}`);
    }
  }
});

test('an expired leaf of a good authority is renewed only when it is in the log', async (t) => {
  const { certificates, issue, knock } = await rig(t);
  const good = await makeOddPath(certificates, {}, { uri: WEB, isExpired: false });
  t.is(await issue(WEB, good), 'issued', 'the operator vouches for it');
  const expired = await makeOddPath(certificates, {}, { uri: WEB, isExpired: true });
  const refusal = await issue(WEB, expired);
  if (refusal === 'issued') return t.fail('it was renewed');
  t.is(refusal.code, 'certificate-expired');
  t.regex(refusal.message, /the issuance log does not know it/);
  t.deepEqual(await knock(expired), ['expired']);

  const operator = await makeOddPath(certificates, {}, { uri: ADMIN, isExpired: true });
  const never = await issue(ADMIN, operator);
  if (never === 'issued') return t.fail('it was renewed');
  t.is(never.code, 'certificate-expired');
  t.regex(never.message, /is not renewed after its end/);
});
