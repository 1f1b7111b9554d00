import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { sealRecord } from '../../../../common/tls/sealed-record.ts';
import type { Scope } from '../../scope.ts';
import type { FloodOptions } from './flood.ts';

/** Records that no TLS library sends: application data of no byte, and warnings (RFC 8446 section 6). */
export type SealedKind = 'empty' | 'warning';

const RECORD: Readonly<Record<SealedKind, { contentType: number; content: Buffer }>> = {
  empty: { contentType: 23, content: Buffer.alloc(0) },
  // Level warning, user_canceled.
  warning: { contentType: 21, content: Buffer.from([1, 90]) },
};

/** More than what is allowed at once, in records of 22 bytes and more. */
const RECORDS = 4_000;
const BATCH = 200;

/**
 * Sends some thousand such records, made with the client's own secret, behind the back of the TLS
 * library.
 *
 * @returns what resolves when the other side has ended the connection
 */
export async function floodSealed(
  scope: Scope,
  { port, alpn, credentials, kind }: Omit<FloodOptions, 'kind' | 'seconds'> & { kind: SealedKind },
): Promise<{ readonly ended: Promise<void> }> {
  const raw = connectTcp({ port, host: '127.0.0.1', noDelay: true });
  const secured = connectTls({
    socket: raw,
    ALPNProtocols: [alpn],
    minVersion: 'TLSv1.3',
    rejectUnauthorized: false,
    checkServerIdentity: () => undefined,
    ...credentials,
  });
  scope.teardown(() => void secured.destroy());
  const ended = new Promise<void>((resolve) => raw.once('close', () => resolve()));
  for (const socket of [raw, secured]) socket.on('error', () => {});
  let secret: Buffer | undefined;
  secured.on('keylog', (line: Buffer) => {
    const [, hex] = /^CLIENT_TRAFFIC_SECRET_0 \S+ (\S+)/.exec(line.toString()) ?? [];
    if (hex !== undefined) secret = Buffer.from(hex, 'hex');
  });
  await once(secured, 'secureConnect');
  secured.resume();
  if (secret === undefined) throw new Error('expected the secret of the client, got none');
  const key = { suite: secured.getCipher().standardName, secret };
  for (let sent = 0; sent < RECORDS && !raw.destroyed; sent += BATCH) {
    const batch = Array.from({ length: BATCH }, (_, at) =>
      sealRecord(key, { sequence: sent + at, ...RECORD[kind] }),
    );
    if (batch.includes(undefined)) throw new Error(`expected a suite that is known: ${key.suite}`);
    raw.write(Buffer.concat(batch as Buffer[]));
  }
  return { ended };
}
