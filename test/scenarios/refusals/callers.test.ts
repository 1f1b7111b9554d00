/**
 * Callers that prove nothing, or somebody else than who may: on the gRPC port of a control plane and
 * on the HBONE port of a sidecar. Each is refused with its reason in a metric and in the log; a
 * sidecar tells the peer nothing at all. Certificates are signed with the mesh's own issuer where
 * that makes them harder to refuse. What the tunnel does in detail: test/proxy/tunnel.
 */
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { connect } from 'node:tls';
import anyTest from 'ava';
import type { ExecutionContext, TestFn } from 'ava';
import { readAdminCredential, type AdminCredential } from '../../../cli/admin/credential.ts';
import type { Authority } from '../../../common/pki/authority.ts';
import { createCsr } from '../../../common/pki/csr.ts';
import { generatePrivateKey } from '../../../common/pki/key.ts';
import { createChannel } from '../../../common/rpc/channel.ts';
import { RpcError, type Refusal } from '../../../common/rpc/rpc-error.ts';
import { AdminClient } from '../../../proto/gen/hauberk/v1/admin.ts';
import { DiscoveryClient } from '../../../proto/gen/hauberk/v1/discovery.ts';
import { IdentityClient, type IssueRequest } from '../../../proto/gen/hauberk/v1/identity.ts';
import { besiege, type BesiegedMesh } from '../../helpers/mesh/besieged-mesh.ts';
import { handMadeRequest } from '../../helpers/pki/certification-request.ts';
import { within } from '../../helpers/deadline.ts';
import { startMesh } from '../../helpers/mesh/mesh.ts';
import { stolenIssuer } from '../../helpers/mesh/mesh-issuer.ts';
import { oddCertificate, oddName } from '../../helpers/pki/odd-certificate.ts';
import { expiredCaller, ODD_CALLERS, type OddCaller } from '../../helpers/clients/odd-callers.ts';
import { hboneOptionsOf, type PeerCredentials } from '../../helpers/clients/peer-credentials.ts';
import { fileScope } from '../../helpers/scope.ts';
import { answerOf, foreignSession } from '../../proxy/tunnel/foreign-peer.ts';

interface Context extends BesiegedMesh {
  readonly issuer: Authority;
  readonly operator: AdminCredential;
}

const test = anyTest as TestFn<Context>;
const scope = fileScope();
test.before(async (t) => {
  const siege = await besiege(scope);
  const { dataDirectory } = siege.mesh.controlPlane;
  const issuer = await stolenIssuer(dataDirectory);
  t.context = { ...siege, issuer, operator: readAdminCredential(`${dataDirectory}/admin.pem`) };
});

const WEB = 'spiffe://mesh.local/ns/default/sa/web';
const SYSTEM = 'spiffe://mesh.local/ns/hauberk/sa';

type Call = (context: Context, caller: PeerCredentials | undefined) => Promise<unknown>;

const issue =
  (request: Partial<IssueRequest>): Call =>
  async (context, caller) => {
    const channel = channelOf(context, caller);
    const full = { csr: createCsr(generatePrivateKey()), joinToken: '', spiffeId: WEB, ...request };
    try {
      return await new Promise((resolve, reject) => {
        const whole = { ...full, lifetimeSeconds: 0 };
        channel.client(IdentityClient).issue(whole, (error, response) => {
          if (error === null) resolve(response);
          else reject(channel.explain(error));
        });
      });
    } finally {
      channel.close();
    }
  };

const renew = issue({});

const sync: Call = async (context, caller) => {
  const channel = channelOf(context, caller);
  try {
    await new Promise<void>((resolve, reject) => {
      const call = channel.client(DiscoveryClient).sync();
      call.on('error', (error) => reject(channel.explain(error)));
      call.on('data', () => resolve());
      const hello = {
        instanceId: '00000000-0000-4000-8000-000000000000',
        addresses: [],
        hbonePort: 0,
        ports: [],
        anyPort: false,
        softwareVersion: '',
        localAllow: undefined,
        metrics: undefined,
        role: '',
        interest: undefined,
        interestVersion: 0,
        questionLevel: 0,
        resumeVersion: 0,
      };
      call.write({ message: { $case: 'hello', value: hello } });
    });
  } finally {
    channel.close();
  }
};

const administer: Call = async (context, caller) => {
  const channel = channelOf(context, caller);
  try {
    await new Promise<void>((resolve, reject) => {
      channel.client(AdminClient).listTokens({}, (error) => {
        if (error === null) resolve();
        else reject(channel.explain(error));
      });
    });
  } finally {
    channel.close();
  }
};

const CALLS = {
  'Identity.Issue': { call: renew, metric: 'hauberk_issue_refused_total', event: 'issue-refused' },
  'Discovery.Sync': { call: sync, metric: 'hauberk_calls_refused_total', event: 'sync-refused' },
  'Admin.ListTokens': {
    call: administer,
    metric: 'hauberk_calls_refused_total',
    event: 'admin-refused',
  },
} as const;

async function isRefused(
  t: ExecutionContext<Context>,
  name: keyof typeof CALLS,
  reason: Refusal,
  caller: PeerCredentials | undefined,
  call: Call = CALLS[name].call,
): Promise<void> {
  const { controlPlane } = t.context.mesh;
  const { metric, event } = CALLS[name];
  const before = (await controlPlane.metrics()).sum(metric, { reason });
  const error = await t.throwsAsync(within(`an answer to ${name}`, call(t.context, caller)), {
    instanceOf: RpcError,
  });
  t.is(error?.code, reason, name);
  t.is((await controlPlane.metrics()).sum(metric, { reason }), before + 1, name);
  await controlPlane.process.logged(event, (line) => line['reason'] === reason);
}

for (const [who, { credentials, grpc }] of Object.entries(ODD_CALLERS)) {
  test.serial(`the control plane refuses ${who}`, async (t) => {
    const caller = credentials(t.context.issuer);
    await isRefused(t, 'Identity.Issue', grpc, caller);
    await isRefused(t, 'Discovery.Sync', grpc, caller);
    await isRefused(t, 'Admin.ListTokens', grpc, caller);
    await t.context.unharmed(t);
  });
}

test.serial('a certificate that has just expired, and is not in the log, is refused', async (t) => {
  const caller = expiredCaller(t.context.issuer, 60_000);
  await isRefused(t, 'Identity.Issue', 'certificate-expired', caller);
  await isRefused(t, 'Discovery.Sync', 'certificate-expired', caller);
  await isRefused(t, 'Admin.ListTokens', 'certificate-expired', caller);
  await t.context.unharmed(t);
});

test.serial('with --renew-after-expiry=0 it is not renewed either', async (t) => {
  const mesh = await startMesh(t, { controlPlaneArgs: ['--renew-after-expiry=0'] });
  const { controlPlane } = mesh;
  const issuer = await stolenIssuer(controlPlane.dataDirectory);
  const operator = readAdminCredential(`${controlPlane.dataDirectory}/admin.pem`);
  const context = { ...t.context, mesh, issuer, operator };
  const reason = 'certificate-expired';
  const refusal = await t.throwsAsync(renew(context, expiredCaller(issuer, 60_000)), {
    instanceOf: RpcError,
  });
  t.is(refusal?.code, reason);
  t.is((await controlPlane.metrics()).sum('hauberk_issue_refused_total', { reason }), 1);
  const valid = oddCertificate(issuer, { altNames: [oddName.uri(WEB)] });
  await t.notThrowsAsync(renew(context, valid));
});

test.serial('the control plane gives each identity what is its own', async (t) => {
  const { issuer, operator } = t.context;
  const as = (uri: string) => oddCertificate(issuer, { altNames: [oddName.uri(uri)] });
  const web = as(WEB);
  await t.notThrowsAsync(renew(t.context, web));
  await t.notThrowsAsync(sync(t.context, web));
  await isRefused(t, 'Admin.ListTokens', 'identity-mismatch', web);
  const other = issue({ spiffeId: WEB.replace('web', 'api') });
  await isRefused(t, 'Identity.Issue', 'identity-mismatch', web, other);

  await t.notThrowsAsync(administer(t.context, operator));
  await isRefused(t, 'Discovery.Sync', 'identity-mismatch', operator);
  await isRefused(t, 'Identity.Issue', 'identity-mismatch', operator);

  const self = as(`${SYSTEM}/control-plane`);
  await isRefused(t, 'Discovery.Sync', 'identity-mismatch', self);
  await isRefused(t, 'Admin.ListTokens', 'identity-mismatch', self);
  const itself = issue({ spiffeId: `${SYSTEM}/control-plane` });
  await isRefused(t, 'Identity.Issue', 'identity-mismatch', self, itself);
});

test.serial(
  'a request that is not one of ours is refused, and costs the token nothing',
  async (t) => {
    const { admin } = t.context;
    const scoped = { namespace: 'default', service: 'web', ttlSeconds: 600, uses: 1 };
    const { joinToken } = await admin.createToken(scoped);
    const good = createCsr(generatePrivateKey());
    const forged = Buffer.from(good);
    forged.writeUInt8((forged.at(-1) ?? 0) ^ 1, forged.length - 1);
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
    const requests: readonly (readonly [Refusal, Buffer])[] = [
      ['csr-key-unsupported', handMadeRequest({ privateKey: rsa })],
      ['csr-malformed', Buffer.alloc(0)],
      ['csr-malformed', Buffer.from('not a request')],
      ['csr-malformed', Buffer.alloc(4 * 1024, 0x30)],
      // More than any request has: it is not decoded.
      ['request-malformed', Buffer.alloc(32 * 1024, 0x30)],
      ['csr-malformed', Buffer.concat([Buffer.of(0x30, 0x80), good.subarray(3), Buffer.of(0, 0)])],
      ['csr-malformed', Buffer.concat([good, good])],
      ['csr-signature', forged],
    ];
    for (const [reason, csr] of requests) {
      await isRefused(t, 'Identity.Issue', reason, undefined, issue({ joinToken, csr }));
    }
    // More than the port takes at all: refused before it is looked at.
    const huge = issue({ joinToken, csr: Buffer.alloc(1024 * 1024) });
    await t.throwsAsync(huge(t.context, undefined), { instanceOf: RpcError });
    const answer = (await issue({ joinToken, csr: good })(t.context, undefined)) as {
      chain: Buffer[];
    };
    t.regex(new X509Certificate(answer.chain[0] ?? '').subjectAltName ?? '', /URI:\S+\/sa\/web/);
    await t.context.unharmed(t);
  },
);

const CALLERS_OF_SIDECARS: Readonly<Record<string, Pick<OddCaller, 'credentials' | 'hbone'>>> = {
  ...ODD_CALLERS,
  'a certificate that has just expired': {
    credentials: (issuer) => expiredCaller(issuer, 60_000),
    hbone: 'expired',
  },
};

for (const [who, { credentials, hbone: reason }] of Object.entries(CALLERS_OF_SIDECARS)) {
  test.serial(`a sidecar refuses ${who}, and says nothing`, async (t) => {
    const { api, issuer } = t.context;
    const labels = { direction: 'inbound', reason };
    const metric = 'hauberk_handshakes_refused_total';
    const before = (await api.metrics()).sum(metric, labels);
    const socket = connect({ ...hboneOptionsOf(credentials(issuer)), port: api.hbonePort });
    const received: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => received.push(chunk));
    socket.on('error', () => {});
    await within(
      'the refusal',
      new Promise<void>((resolve) => socket.once('close', () => resolve())),
    );
    t.deepEqual(Buffer.concat(received), Buffer.alloc(0));
    t.is((await api.metrics()).sum(metric, labels), before + 1);
    await api.process.logged('handshake-refused', (line) => line['reason'] === reason);
    await t.context.unharmed(t);
  });
}

test.serial('a sidecar serves workloads, and not the identities of the mesh itself', async (t) => {
  const { api, issuer, operator } = t.context;
  const as = (uri: string) => oddCertificate(issuer, { altNames: [oddName.uri(uri)] });
  const answer = async (credentials: PeerCredentials): Promise<string> => {
    const session = await foreignSession(t, api.hbonePort, hboneOptionsOf(credentials));
    const stream = session.request({ ':method': 'CONNECT', ':authority': '127.0.0.1:8080' });
    return await within('an answer', answerOf(stream));
  };
  t.is(await answer(as(WEB.replace('web', 'whoever'))), '200');
  const intruders = { admin: operator, 'control-plane': as(`${SYSTEM}/control-plane`) };
  for (const [service, credentials] of Object.entries(intruders)) {
    t.is(await answer(credentials), '401');
    const peer = `${SYSTEM}/${service}`;
    const labels = { direction: 'inbound', peer, reason: 'denied-system-identity' };
    t.is((await api.metrics()).sum('hauberk_connections_failed_total', labels), 1);
    const line = await api.process.logged('stream-refused', (told) => told['peer'] === peer);
    t.like(line, { reason: 'denied-system-identity', status: 401 });
  }
  await t.context.unharmed(t);
});

function channelOf({ mesh, operator }: Context, identity: PeerCredentials | undefined) {
  return createChannel({
    address: { host: '127.0.0.1', port: mesh.controlPlane.grpcPort },
    trustDomain: 'mesh.local',
    roots: operator.roots,
    ...(identity === undefined ? {} : { identity }),
  });
}
