import { chmod, rm } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import type { UnlockKey } from '../config/unlock-key.ts';
import { HauberkError, systemErrorCode } from '../errors.ts';
import { ignoreError } from '../ignored.ts';
import type { Closeable } from '../lifecycle.ts';
import { RpcError } from './rpc-error.ts';

/**
 * Control of the process for users who may read the data directory: a socket in it, one line of JSON in,
 * one out. A
 * control plane whose keys are locked has no certificate to show, and cannot be asked in another way.
 */
const FILE_NAME = 'control.sock';

const requestSchema = z.object({
  command: z.enum(['lock', 'unlock', 'rekey', 'backup', 'state']),
  passphrase: z.string().optional(),
  /** In hexadecimal. */
  key: z.string().optional(),
});

const answerSchema = z.object({
  ok: z.boolean(),
  message: z.string(),
  hint: z.string().optional(),
  /** In base64. */
  payload: z.string().optional(),
});

/** What was done, in words, and what was asked for. */
export interface ControlAnswer {
  readonly message: string;
  /** Empty for what is no backup. */
  readonly payload: Buffer;
}

/** What is asked of a control plane that may be locked. */
export interface ControlRequest extends Pick<z.infer<typeof requestSchema>, 'command'> {
  /** For `unlock` and `rekey`. */
  readonly unlockKey?: UnlockKey | undefined;
}

/** A backup has some 30 MB with a thousand sidecars; what is larger than this is copied at rest. */
const MAX_ANSWER_BYTES = 512 * 1024 * 1024;

/** A request is a few hundred bytes. */
const MAX_REQUEST_BYTES = 64 * 1024;

/** Deriving a key takes a third of a second, and a restart of the control plane a few. */
const ANSWER_TIMEOUT_MS = 60_000;

/** Serves the socket. `handle` throws a HauberkError for the caller. */
export async function serveControlSocket(
  dataDir: string,
  handle: (request: ControlRequest) => Promise<ControlAnswer>,
): Promise<Closeable> {
  const path = join(dataDir, FILE_NAME);
  // Left behind by a process that was killed; the store's lock keeps two from running at once.
  await rm(path, { force: true });
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', ignoreError);
    socket.once('close', () => sockets.delete(socket));
    answer(socket, handle).catch(() => socket.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(path, resolve);
  });
  await chmod(path, 0o600);
  return {
    async close() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

async function answer(
  socket: Socket,
  handle: (request: ControlRequest) => Promise<ControlAnswer>,
): Promise<void> {
  let reply: z.infer<typeof answerSchema>;
  try {
    const line = await firstLine(socket, MAX_REQUEST_BYTES);
    const { command, passphrase, key } = requestSchema.parse(JSON.parse(line));
    const { message, payload } = await handle({ command, unlockKey: toKey(passphrase, key) });
    reply = { ok: true, message, payload: payload.toString('base64') };
  } catch (error) {
    const known = error instanceof HauberkError;
    const message = known ? error.message : 'the request failed; the log has the reason';
    reply = { ok: false, message, hint: known ? error.hint : undefined };
  }
  socket.end(`${JSON.stringify(reply)}\n`);
}

function toKey(passphrase: string | undefined, key: string | undefined): UnlockKey | undefined {
  if (key !== undefined) return { kind: 'key', key: Buffer.from(key, 'hex') };
  return passphrase === undefined ? undefined : { kind: 'passphrase', passphrase };
}

/**
 * Asks the control plane whose data directory this is.
 *
 * @returns its answer
 * @throws RpcError `unreachable`, or `not-found` with the sentence of a refusal
 */
export async function askControlSocket(
  dataDir: string,
  { command, unlockKey }: ControlRequest,
): Promise<ControlAnswer> {
  const socket = connect(join(dataDir, FILE_NAME));
  socket.setTimeout(ANSWER_TIMEOUT_MS, () => socket.destroy());
  const secret =
    unlockKey?.kind === 'key'
      ? { key: unlockKey.key.toString('hex') }
      : { passphrase: unlockKey?.passphrase };
  try {
    socket.write(`${JSON.stringify({ command, ...secret })}\n`);
    const line = await firstLine(socket, MAX_ANSWER_BYTES);
    const { ok, message, hint, payload = '' } = answerSchema.parse(JSON.parse(line));
    if (ok) return { message, payload: Buffer.from(payload, 'base64') };
    throw new RpcError('request-malformed', message, { hint });
  } catch (error) {
    if (error instanceof RpcError) throw error;
    const code = systemErrorCode(error) ?? 'no answer';
    throw new RpcError('unreachable', `no control plane answers in ${dataDir} (${code})`, {
      hint: 'run this on its host, as its user, and give its --data-dir',
      cause: error,
    });
  } finally {
    socket.destroy();
  }
}

async function firstLine(socket: Socket, maxBytes: number): Promise<string> {
  let bytes = 0;
  socket.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > maxBytes) socket.destroy();
  });
  const { promise: failed, reject } = Promise.withResolvers<never>();
  socket.once('error', reject);
  const lines = createInterface({ input: socket, crlfDelay: Infinity });
  const read = (async () => {
    for await (const line of lines) return line;
    throw new Error('expected a line, got the end of the connection');
  })();
  return Promise.race([read, failed]);
}
