import { createPublicKey } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import {
  Server,
  ServerCredentials,
  status,
  type sendUnaryData,
  type ServerUnaryCall,
} from '@grpc/grpc-js';
import { describeError } from '../../../common/errors.ts';
import { createIssuer, createRoot } from '../../../common/pki/authority.ts';
import { openCsr } from '../../../common/pki/csr.ts';
import { generatePrivateKey } from '../../../common/pki/key.ts';
import { issueLeaf } from '../../../common/pki/leaf.ts';
import { DEFAULT_LEAF_LIFETIME_MS } from '../../../common/pki/lifetimes.ts';
import { toPem } from '../../../common/pki/pem.ts';
import { spiffeId } from '../../../common/pki/spiffe-id.ts';
import { CREATE_CERTIFICATE_PATH, readCsr, writeChain } from './messages.ts';

/** What the authority is told, as JSON in its one argument. */
export interface IstioCaOrder {
  readonly host: string;
  readonly port: number;
  readonly trustDomain: string;
  readonly namespace: string;
  /** Who gets a certificate: a bearer token is the name of one of them, which is enough where only the bench calls. */
  readonly services: readonly string[];
  /** Where it writes its root, by which its TLS and its leaves are verified. */
  readonly rootFile: string;
}

/** A run takes minutes; a full one on a slow machine may take more than an hour. */
const LIFETIME_MS = 24 * DEFAULT_LEAF_LIFETIME_MS;

/** Serves Istio's protocol for certificates over TLS, with a root of its own. @returns the port */
export async function startIstioCa(
  order: IstioCaOrder,
): Promise<{ readonly port: number; close(): void }> {
  const { host, port, trustDomain, rootFile } = order;
  const authority = { trustDomain, nowMs: Date.now() };
  const root = createRoot(authority);
  const issuer = createIssuer(root, authority);
  writeFileSync(rootFile, toPem([root.certificate]));
  const leafOf = (service: string, publicKey: ReturnType<typeof createPublicKey>) => {
    const id = spiffeId({ trustDomain, namespace: order.namespace, service });
    const names = service === CA_NAME ? { ipAddresses: [host] } : {};
    return issueLeaf(issuer, {
      publicKey,
      spiffeId: id,
      nowMs: Date.now(),
      lifetimeMs: LIFETIME_MS,
      ...names,
    });
  };
  const privateKey = generatePrivateKey();
  const own = leafOf(CA_NAME, createPublicKey(privateKey));
  const credentials = ServerCredentials.createSsl(null, [
    {
      private_key: Buffer.from(privateKey.export({ type: 'pkcs8', format: 'pem' })),
      cert_chain: Buffer.from(toPem([own, issuer.certificate])),
    },
  ]);

  const createCertificate = (
    call: ServerUnaryCall<Buffer, Buffer>,
    answer: sendUnaryData<Buffer>,
  ): void => {
    const [bearer = ''] = call.metadata.get('authorization').map(String);
    const service = bearer.replace(/^Bearer /, '');
    if (!order.services.includes(service)) {
      const details = `expected the name of a service as the bearer token, one of ${order.services.join(', ')}`;
      answer({ code: status.UNAUTHENTICATED, details });
      return;
    }
    try {
      const { publicKey } = openCsr(derOf(readCsr(call.request)));
      const chain = [leafOf(service, publicKey), issuer.certificate, root.certificate];
      answer(null, writeChain(chain.map((certificate) => toPem([certificate]))));
    } catch (error) {
      answer({ code: status.INVALID_ARGUMENT, details: describeError(error) });
    }
  };
  const server = new Server();
  server.addService({ CreateCertificate: METHOD }, { CreateCertificate: createCertificate });
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  server.bindAsync(`${host}:${port}`, credentials, (error, bound) =>
    error === null ? resolve(bound) : reject(error),
  );
  return { port: await promise, close: () => server.forceShutdown() };
}

const CA_NAME = 'certificate-authority';

const same = (bytes: Buffer): Buffer => bytes;
const METHOD = {
  path: CREATE_CERTIFICATE_PATH,
  requestStream: false,
  responseStream: false,
  requestSerialize: same,
  requestDeserialize: same,
  responseSerialize: same,
  responseDeserialize: same,
} as const;

function derOf(pem: string): Buffer {
  return Buffer.from(pem.replace(/-----[^-]*-----|\s/g, ''), 'base64');
}
