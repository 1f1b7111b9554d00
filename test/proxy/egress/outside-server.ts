import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm, mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import tls from 'node:tls';
import type { EgressDestination } from '../../../common/authorization/egress.ts';
import type { Scope } from '../../helpers/scope.ts';
import type { TestWorkload } from '../../helpers/mesh/test-authority.ts';

/** Writes files into a directory that goes with the scope; returns their paths. */
export async function filesFor(
  scope: Scope,
  files: Readonly<Record<string, string>>,
): Promise<Record<string, string>> {
  const directory = await mkdtemp(path.join(tmpdir(), 'hauberk-egress-'));
  scope.teardown(() => rm(directory, { recursive: true }));
  const paths: Record<string, string> = {};
  for (const [name, text] of Object.entries(files)) {
    paths[name] = path.join(directory, name);
    await writeFile(paths[name], text, { mode: 0o600 });
  }
  return paths;
}

/** What the mesh says about a server on loopback that is `pay.example`, believed by the roots in `ca`. */
export function policyFor(
  { port, ca }: { readonly port: number; readonly ca: string },
  changes: Partial<EgressDestination> = {},
): EgressDestination {
  return {
    host: '127.0.0.1',
    port,
    hostname: 'pay.example',
    anchors: { kind: 'files', paths: [ca] },
    subjectAltNames: { hostnames: [], uris: [] },
    allowCommonName: false,
    clientCertificate: undefined,
    minVersion: '1.2',
    alpn: [],
    preserveHost: true,
    ...changes,
  };
}

/** The options of a TLS server, or client, with this certificate. */
export function shows({ chain, privateKey }: Omit<TestWorkload, 'spiffeId'>): {
  cert: string;
  key: string;
} {
  return {
    cert: chain.map(String).join(''),
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

/** What a server saw of a client in its handshake. */
export interface SeenClient {
  readonly protocol: string | null;
  readonly alpn: string | false | null;
  /** The names in its certificate, where it showed one. */
  readonly names: string | undefined;
}

/** A TLS server that says back what it hears; and what it heard, for whoever must not have said anything. */
export async function startOutsideServer(
  scope: Scope,
  options: tls.TlsOptions,
): Promise<{ port: number; heard: () => string; seen: readonly SeenClient[] }> {
  let heard = '';
  const seen: SeenClient[] = [];
  const connections: tls.TLSSocket[] = [];
  const server = tls.createServer({ ...options, allowHalfOpen: true }, (socket) => {
    connections.push(socket);
    seen.push({
      protocol: socket.getProtocol(),
      alpn: socket.alpnProtocol,
      names: socket.getPeerX509Certificate()?.subjectAltName,
    });
    socket.on('error', () => {});
    socket.on('data', (chunk: Buffer) => {
      heard += chunk.toString();
      socket.write(chunk);
    });
    socket.on('end', () => socket.end());
  });
  server.on('tlsClientError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  scope.teardown(() => {
    for (const socket of connections) socket.destroy();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, heard: () => heard, seen };
}

/** A server of OpenSSL's own, which says lines back the other way round. */
export async function startVerifyingServer(
  scope: Scope,
  args: readonly string[],
): Promise<{ readonly port: number }> {
  const child = spawn('openssl', ['s_server', '-accept', '127.0.0.1:0', '-rev', ...args], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  scope.teardown(() => child.kill('SIGKILL'));
  for await (const line of createInterface({ input: child.stdout })) {
    const [, port] = /^ACCEPT 127\.0\.0\.1:(\d+)/.exec(line) ?? [];
    if (port !== undefined) return { port: Number(port) };
  }
  throw new Error('openssl s_server ended');
}
