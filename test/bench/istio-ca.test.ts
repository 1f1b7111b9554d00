/**
 * The authority that ztunnel gets its certificates from in the bench is asked by a real gRPC client over TLS: a service that
 * it knows gets a leaf of its own with the chain up to the root, and nobody else gets anything.
 */
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Client, credentials, Metadata, status, type ServiceError } from '@grpc/grpc-js';
import test, { type ExecutionContext } from 'ava';
import { CREATE_CERTIFICATE_PATH } from '../../bench/peers/istio-ca/messages.ts';
import { startIstioCa } from '../../bench/peers/istio-ca/service.ts';
import { localXds } from '../../bench/peers/transparent/ztunnel.ts';
import { createCsr } from '../../common/pki/csr.ts';
import { generatePrivateKey } from '../../common/pki/key.ts';
import { temporaryDirectory } from '../helpers/machine/temporary-directory.ts';

/** A protobuf message with one string, in field 1. */
function message(text: string): Buffer {
  const bytes = Buffer.from(text);
  const length = [(bytes.length & 0x7f) | 0x80, bytes.length >> 7];
  return Buffer.from([0x0a, ...length, ...bytes]);
}

/** The strings of field 1 of a message, each longer than 127 bytes and shorter than 16 KiB. */
function strings(bytes: Buffer): string[] {
  const found: string[] = [];
  for (let at = 0; at < bytes.length;) {
    const length = ((bytes[at + 1] ?? 0) & 0x7f) | ((bytes[at + 2] ?? 0) << 7);
    found.push(bytes.subarray(at + 3, at + 3 + length).toString());
    at += 3 + length;
  }
  return found;
}

interface Answer {
  readonly error: ServiceError | null;
  readonly chain: readonly string[];
}

async function startAuthority(t: ExecutionContext) {
  const directory = await temporaryDirectory();
  t.teardown(() => directory[Symbol.asyncDispose]());
  const rootFile = join(directory.path, 'root.pem');
  const authority = await startIstioCa({
    host: '127.0.0.1',
    port: 0,
    trustDomain: 'cluster.local',
    namespace: 'bench',
    services: ['web', 'api'],
    rootFile,
  });
  t.teardown(() => authority.close());
  const root = readFileSync(rootFile);
  const client = new Client(`127.0.0.1:${authority.port}`, credentials.createSsl(root), {
    // Node.js takes no address as the name of a server.
    'grpc.ssl_target_name_override': 'certificate-authority',
  });
  t.teardown(() => client.close());
  const ask = (bearer: string, csr: string): Promise<Answer> => {
    const metadata = new Metadata();
    metadata.set('authorization', `Bearer ${bearer}`);
    const same = (bytes: Buffer): Buffer => bytes;
    const { promise, resolve } = Promise.withResolvers<Answer>();
    client.makeUnaryRequest(
      CREATE_CERTIFICATE_PATH,
      same,
      same,
      message(csr),
      metadata,
      (error, answer?: Buffer) => resolve({ error, chain: answer ? strings(answer) : [] }),
    );
    return promise;
  };
  return { ask, root: new X509Certificate(root) };
}

function csrOf(key = generatePrivateKey()): string {
  const base64 = createCsr(key).toString('base64').replace(/.{64}/g, '$&\n');
  return `-----BEGIN CERTIFICATE REQUEST-----\n${base64}\n-----END CERTIFICATE REQUEST-----\n`;
}

test('a service gets a leaf for its own key, then the issuer, then the root', async (t) => {
  const { ask, root } = await startAuthority(t);
  const key = generatePrivateKey();
  const { error, chain } = await ask('web', csrOf(key));
  t.is(error, null);
  const [leaf, issuer, last, ...others] = chain.map((pem) => new X509Certificate(pem));
  t.is(others.length, 0);
  t.is(leaf?.subjectAltName?.split(', ')[0], 'URI:spiffe://cluster.local/ns/bench/sa/web');
  t.true(leaf?.checkPrivateKey(key));
  t.true(leaf?.verify(issuer?.publicKey ?? root.publicKey));
  t.true(issuer?.verify(root.publicKey));
  t.is(last?.fingerprint256, root.fingerprint256);
});

test('a token that is no service, and a request that is none, get nothing', async (t) => {
  const { ask } = await startAuthority(t);
  const stranger = await ask('db', csrOf());
  t.is(stranger.error?.code, status.UNAUTHENTICATED);
  t.deepEqual(stranger.chain, []);
  const spoiled = await ask('web', 'not a request'.repeat(20));
  t.is(spoiled.error?.code, status.INVALID_ARGUMENT);
  t.deepEqual(spoiled.chain, []);
});

test('ztunnel is told of both workloads, each at its address and to be reached by HBONE', (t) => {
  const written = localXds({ web: { address: '10.77.0.3' }, api: { address: '10.77.0.2' } });
  const { workloads } = JSON.parse(written) as { workloads: readonly Record<string, unknown>[] };
  t.deepEqual(
    workloads.map(({ serviceAccount, workloadIps, protocol, trustDomain }) => [
      serviceAccount,
      workloadIps,
      protocol,
      trustDomain,
    ]),
    [
      ['web', ['10.77.0.3'], 'HBONE', 'cluster.local'],
      ['api', ['10.77.0.2'], 'HBONE', 'cluster.local'],
    ],
  );
});
