import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';
import type { status as GRPC } from '@grpc/grpc-js';
import { within } from '../../deadline.ts';
import type { PeerProgram } from '../../machine/peer-programs.ts';
import type { Scope } from '../../scope.ts';

/** Programs that serve and call the same methods of gRPC, each with the implementation of its language. */
export type GrpcPeer = Extract<PeerProgram, 'grpc-go' | 'grpc-python'>;

/** What came of a call, without the fields that an implementation adds by itself. */
export interface CallOutcome {
  readonly messages: readonly string[];
  readonly header: Readonly<Record<string, readonly string[]>>;
  readonly code: GRPC;
  readonly details: string;
  readonly trailers: Readonly<Record<string, readonly string[]>>;
}

// Proxies that the environment names are not meant for loopback.
const ENV = { PATH: process.env['PATH'] };

/** Starts the server of one on loopback, without TLS; it ends with the scope. */
export async function startGrpcPeer(scope: Scope, peer: GrpcPeer): Promise<number> {
  const server = spawn(peer, ['serve'], { env: ENV, stdio: ['ignore', 'pipe', 'inherit'] });
  const closed = once(server, 'close');
  scope.teardown(async () => {
    server.kill('SIGKILL');
    await closed;
  });
  const [line] = (await within(`${peer} listens`, once(server.stdout, 'data'))) as [Buffer];
  return Number(line.toString());
}

/** Where a client finds the server. */
export interface GrpcPeerTarget {
  readonly port: number;
  readonly authority: string;
  /** A file with the certificate that vouches for it; undefined for a connection without TLS. */
  readonly roots?: string;
}

/** Lets the client of one make a call of each kind, and says what came of each. */
export async function callGrpcPeer(
  peer: GrpcPeer,
  { port, authority, roots }: GrpcPeerTarget,
): Promise<Readonly<Record<string, CallOutcome>>> {
  const args = ['call', `127.0.0.1:${port}`, authority, ...(roots === undefined ? [] : [roots])];
  const { stdout } = await promisify(execFile)(peer, args, { env: ENV, timeout: 60_000 });
  return JSON.parse(stdout) as Readonly<Record<string, CallOutcome>>;
}
