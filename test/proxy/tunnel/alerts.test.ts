// What a peer that is refused hears of it: openssl names the alert, for each cipher of TLS 1.3.
import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { duplexPair } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import type { ExecutionContext } from 'ava';
import { plusMs, systemClock } from '../../../common/clock.ts';
import { RevocationList } from '../../../common/pki/revocation.ts';
import { within } from '../../helpers/deadline.ts';
import { createOpenssl } from '../../helpers/pki/openssl.ts';
import { requires } from '../../helpers/machine/requirements.ts';
import { createTestAuthority, type TestWorkload } from '../../helpers/mesh/test-authority.ts';
import { odd, tlsOptions } from './foreign-peer.ts';
import { createEngine, createIdentity, sample } from './harness.ts';

const test = requires('openssl');

const HOUR_MS = 3_600_000;
const past = { nowMs: Date.now() - HOUR_MS, lifetimeMs: 60_000 };
const future = { nowMs: Date.now() + HOUR_MS, lifetimeMs: 60_000 };
const SUITES = [
  'TLS_AES_128_GCM_SHA256',
  'TLS_AES_256_GCM_SHA384',
  'TLS_CHACHA20_POLY1305_SHA256',
] as const;

/** What openssl says about the end of a connection with such a certificate. */
async function hear(
  t: ExecutionContext,
  port: number,
  { workload, chain, suite }: { workload?: TestWorkload; chain?: string; suite: string },
): Promise<string> {
  const openssl = await createOpenssl(t);
  const words = ['-connect', `127.0.0.1:${port}`, '-alpn', 'h2', '-ciphersuites', suite];
  if (workload !== undefined) {
    const key = workload.privateKey.export({ type: 'pkcs8', format: 'pem' });
    await openssl.write('key.pem', String(key));
    await openssl.write('chain.pem', chain ?? workload.chain.map(String).join(''));
    words.push('-key', 'key.pem', '-cert', 'chain.pem', '-cert_chain', 'chain.pem');
  }
  const { stdout, stderr } = await openssl.run('s_client', '-ign_eof', ...words);
  return `${String(stdout)}${stderr}`;
}

test('a refused peer is told why by an alert of TLS, whatever the cipher', async (t) => {
  const authority = createTestAuthority();
  const web = authority.workload('shop', 'web');
  const thief = authority.workload('shop', 'thief');
  const identity = createIdentity(authority, 'api');
  const api = createEngine(t, identity);
  const listener = await api.listen(() => {});
  const revocations = new RevocationList([
    { spiffeId: thief.spiffeId.uri, expiresMs: plusMs(systemClock.epochMs(), HOUR_MS) },
  ]);
  identity.set(
    { ...identity.current(), bundle: { ...authority.bundle, revocations } },
    'revocations',
  );
  const peers = {
    'certificate required': {},
    'certificate expired': { workload: authority.workload('shop', 'web', past) },
    'certificate expired, though not valid yet': {
      workload: authority.workload('shop', 'web', future),
    },
    'unknown ca': { workload: createTestAuthority().workload('shop', 'web') },
    'bad certificate': { workload: web, chain: odd(authority, web, 'DNS:web') },
    'certificate revoked': { workload: thief },
    'access denied': {
      workload: web,
      chain: odd(authority, web, 'URI:spiffe://other.example/ns/shop/sa/web'),
    },
  };
  for (const suite of SUITES) {
    for (const [what, peer] of Object.entries(peers)) {
      const said = await hear(t, listener.port, { ...peer, suite });
      const [alert = ''] = what.split(',');
      t.regex(said, new RegExp(`alert ${alert}[^]*SSL alert number`), `${what} with ${suite}`);
      t.notRegex(said, /bad record mac|decrypt/i, what);
    }
  }
  const refused = { direction: 'inbound', reason: 'revoked' };
  const count = await sample(api.registry, 'hauberk_handshakes_refused_total', refused);
  t.is(count, SUITES.length);
});

test('a refused peer that hears nothing, and goes on sending, is cut off', async (t) => {
  const authority = createTestAuthority();
  const api = createEngine(t, createIdentity(authority, 'api'));
  const listener = await api.listen(() => {});
  const far = connectTcp({ port: listener.port, host: '127.0.0.1', allowHalfOpen: true });
  far.on('error', () => {});
  t.teardown(() => far.destroy());
  const [inside, outside] = duplexPair();
  outside.on('data', (chunk: Buffer) => void far.write(chunk));
  far.on('data', (chunk: Buffer) => void outside.write(chunk));
  const client = connectTls({ ...tlsOptions(authority, undefined), socket: inside });
  client.on('error', () => {});
  await within('the end that the peer does not mind', once(far, 'end'));
  const cut = new Promise<void>((resolve) => far.once('close', () => resolve()));
  const sending = setInterval(() => void far.write('x'), 20);
  t.teardown(() => clearInterval(sending));
  await within('the connection is cut off', cut);
  t.is(listener.openTunnels, 0);
});
