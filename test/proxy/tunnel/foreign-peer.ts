import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect as connectHttp2 } from 'node:http2';
import type { ClientHttp2Session, ClientHttp2Stream, ClientSessionOptions } from 'node:http2';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import type { ConnectionOptions, TLSSocket } from 'node:tls';
import type { ExecutionContext } from 'ava';
import { toPem } from '../../../common/pki/pem.ts';
import type { TestAuthority, TestWorkload } from '../../helpers/mesh/test-authority.ts';

/** How another implementation connects: node:tls with PEM, and none of our code. */
export function tlsOptions(
  authority: TestAuthority,
  workload: TestWorkload | undefined,
): ConnectionOptions {
  const own = workload && {
    key: workload.privateKey.export({ type: 'pkcs8', format: 'pem' }),
    cert: toPem(workload.chain),
  };
  return {
    host: '127.0.0.1',
    ca: authority.root.certificate.toString(),
    checkServerIdentity: () => undefined,
    minVersion: 'TLSv1.3',
    ALPNProtocols: ['h2'],
    ...own,
  };
}

/** Connects as a foreign peer; ends with the test. */
export function connectForeign(
  t: ExecutionContext,
  port: number,
  options: ConnectionOptions,
): TLSSocket {
  const socket = connectTls({ ...options, port });
  socket.on('error', () => {});
  t.teardown(() => socket.destroy());
  return socket;
}

/** An HTTP/2 session of plain node:http2, as ztunnel would speak it. */
export async function foreignSession(
  t: ExecutionContext,
  port: number,
  options: ConnectionOptions,
  sessionOptions: ClientSessionOptions = {},
): Promise<ClientHttp2Session> {
  const socket = connectForeign(t, port, options);
  await once(socket, 'secureConnect');
  const session = connectHttp2('https://mesh', {
    ...sessionOptions,
    createConnection: () => socket,
  });
  session.on('error', () => {});
  t.teardown(() => session.destroy());
  return session;
}

/** Resolves when the socket is gone, with an error or without. */
export function closed(socket: TLSSocket): Promise<void> {
  return new Promise((resolve) => socket.resume().once('close', () => resolve()));
}

/** The status of a stream, or the code that it was reset with. */
export function answerOf(stream: ClientHttp2Stream): Promise<string> {
  const { promise, resolve } = Promise.withResolvers<string>();
  stream.on('error', () => {});
  stream.once('response', (headers) => resolve(String(headers[':status'])));
  stream.once('close', () => resolve(`reset ${stream.rstCode}`));
  return promise;
}

const SIGN = ['x509', '-req', '-CAcreateserial', '-days', '1'];

/** A leaf that our own PKI would never make, by openssl; `san` is its subjectAltName, if any. */
export function odd(authority: TestAuthority, base: TestWorkload, san: string | undefined) {
  const dir = mkdtempSync(join(tmpdir(), 'hauberk-odd-'));
  const file = (name: string, text: string): string => {
    const path = join(dir, name);
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  };
  try {
    const pem = (key: TestWorkload['privateKey']): string =>
      key.export({ type: 'pkcs8', format: 'pem' }).toString();
    const key = file('key.pem', pem(base.privateKey));
    const caKey = file('ca-key.pem', pem(authority.issuer.privateKey));
    const ca = file('ca.pem', authority.issuer.certificate.toString());
    const extensions = [
      'extendedKeyUsage=serverAuth,clientAuth',
      ...(san === undefined ? [] : [`subjectAltName=${san}`]),
    ];
    const ext = file('ext.cnf', extensions.join('\n'));
    const run = (args: string[]): Buffer => execFileSync('openssl', args, { stdio: 'pipe' });
    const csr = file('csr.pem', run(['req', '-new', '-key', key, '-subj', '/CN=odd']).toString());
    const leaf = run([...SIGN, '-in', csr, '-CA', ca, '-CAkey', caKey, '-extfile', ext]);
    return `${leaf.toString()}${authority.issuer.certificate.toString()}`;
  } finally {
    rmSync(dir, { recursive: true });
  }
}
