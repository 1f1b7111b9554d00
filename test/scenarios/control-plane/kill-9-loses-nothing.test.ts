/**
 * The control plane is killed with SIGKILL at random moments, in the middle of creating tokens and
 * issuing certificates, and started again: whatever it had answered is there, round after round,
 * with its uses counted, and a token for one use is never good for two.
 */
import { randomInt, X509Certificate } from 'node:crypto';
import test from 'ava';
import { connectAdmin, type AdminClient } from '../../../cli/admin/client.ts';
import { readAdminCredential, type AdminCredential } from '../../../cli/admin/credential.ts';
import { createCsr } from '../../../common/pki/csr.ts';
import { parseJoinToken } from '../../../common/pki/join-token/join-token.ts';
import { generatePrivateKey } from '../../../common/pki/key.ts';
import { createChannel, type ControlPlaneChannel } from '../../../common/rpc/channel.ts';
import { IdentityClient, type IssueResponse } from '../../../proto/gen/hauberk/v1/identity.ts';
import { startMesh } from '../../helpers/mesh/mesh.ts';

const ROUNDS = 12;
const WORKERS = 6;

/** What was answered, over all rounds. */
interface Answered {
  /** Ids of tokens, and how often each was used for sure. */
  readonly tokens: Map<string, number>;
  readonly serials: Set<string>;
}

test('kill -9 at any moment loses nothing that was answered', async (t) => {
  const mesh = await startMesh(t);
  const { controlPlane } = mesh;
  const credential = readAdminCredential(`${controlPlane.dataDirectory}/admin.pem`);
  const answered: Answered = { tokens: new Map(), serials: new Set() };

  for (let round = 0; round < ROUNDS; round += 1) {
    const { pid } = controlPlane.process;
    let left = randomInt(1, 60);
    const onAnswer = (): void => {
      left -= 1;
      if (left === 0) process.kill(pid, 'SIGKILL');
    };
    const clients = connect(credential, controlPlane.grpcPort);
    const workers = Array.from({ length: WORKERS }, () => work(clients, answered, onAnswer));
    await Promise.all(workers);
    await clients.close();
    t.true(left <= 0, 'nothing but the kill ended the work');
    t.is(await controlPlane.process.exited, 'SIGKILL');
    await controlPlane.start();

    const again = connect(credential, controlPlane.grpcPort);
    const tokens = new Map((await again.admin.listTokens()).map((token) => [token.id, token]));
    for (const [id, uses] of answered.tokens) {
      const token = tokens.get(id);
      t.truthy(token, `the token ${id} of an earlier round`);
      t.true((token?.uses ?? 0) >= uses && (token?.uses ?? 2) <= 1);
    }
    const filter = { limit: 100_000, namespace: 'default', service: 'web' };
    const certificates = await again.admin.listCertificates(filter);
    const serials = new Set(certificates.map(({ serial }) => serial));
    t.deepEqual([...answered.serials.difference(serials)], [], 'certificates that were lost');
    const proofs = certificates.map(({ tokenId }) => tokenId);
    t.is(new Set(proofs).size, proofs.length, 'no token was good for two certificates');
    await again.close();
  }
  t.true(answered.tokens.size >= ROUNDS);
  t.true(answered.serials.size > 0);
  t.log(`${answered.tokens.size} tokens and ${answered.serials.size} certificates were answered`);
});

interface Clients {
  readonly admin: AdminClient;
  readonly channel: ControlPlaneChannel;
  close(): Promise<void>;
}

function connect(credential: AdminCredential, port: number): Clients {
  const address = { host: '127.0.0.1', port };
  const { roots, trustDomain } = credential;
  const admin = connectAdmin({ address, credential });
  const channel = createChannel({ address, roots, trustDomain });
  return {
    admin,
    channel,
    async close() {
      channel.close();
      await admin.close();
    },
  };
}

/** Makes tokens and uses them until the control plane is gone. */
async function work({ admin, channel }: Clients, answered: Answered, onAnswer: () => void) {
  const request = { namespace: 'default', service: 'web', ttlSeconds: 3600, uses: 1 };
  try {
    for (;;) {
      const { joinToken } = await admin.createToken(request);
      const { id } = parseJoinToken(joinToken);
      answered.tokens.set(id, 0);
      onAnswer();
      const { chain } = await issue(channel, joinToken);
      answered.tokens.set(id, 1);
      answered.serials.add(new X509Certificate(chain[0] ?? '').serialNumber.toLowerCase());
      onAnswer();
    }
  } catch {
    // It was killed: what was under way has no answer, and may be there or not.
  }
}

function issue(channel: ControlPlaneChannel, joinToken: string): Promise<IssueResponse> {
  const csr = createCsr(generatePrivateKey());
  const spiffeId = 'spiffe://mesh.local/ns/default/sa/web';
  const { promise, resolve, reject } = Promise.withResolvers<IssueResponse>();
  channel
    .client(IdentityClient)
    .issue({ csr, joinToken, spiffeId, lifetimeSeconds: 0 }, (error, response) => {
      if (error === null) resolve(response);
      else reject(error);
    });
  return promise;
}
