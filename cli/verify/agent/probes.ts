import { createPublicKey } from 'node:crypto';
import { connect as connectHttp2, type ClientHttp2Session } from 'node:http2';
import { connect as connectTls } from 'node:tls';
import type { ConnectionOptions } from 'node:tls';
import { systemClock } from '../../../common/clock.ts';
import { describeError } from '../../../common/errors.ts';
import { createRoot } from '../../../common/pki/authority.ts';
import { generatePrivateKey } from '../../../common/pki/key.ts';
import { issueLeaf } from '../../../common/pki/leaf.ts';
import { peerSpiffeId } from '../../../common/pki/peer.ts';
import { parseSpiffeId, type SpiffeId } from '../../../common/pki/spiffe-id.ts';
import { secureContextOptions, TLS_OPTIONS } from '../../../common/pki/tls-options.ts';
import type { ProbeKind, ProbeOutcome, ProbeTask } from './agent-task.ts';
import { attemptTls, type TlsAttempt } from './tls-attempt.ts';

/** Long enough for a handshake and one answer. */
const PATIENCE_MS = 5_000;

/** Lives for this run; only the probed sidecar ever sees it. */
const FORGED_LIFETIME_MS = 600_000;

/** Whom to forge when the peer does not show who it is. */
const NOBODY = 'spiffe://mesh.local/ns/default/sa/forged';

/** Connects to a sidecar's HBONE port in every way that it must refuse. Never rejects. */
export async function probeSidecar(task: ProbeTask): Promise<ProbeOutcome[]> {
  const { address: host, port } = task;
  const bare = await attemptTls({ host, port, ...TLS_OPTIONS });
  const forged = await attemptTls({ host, port, ...forgedCredentials(bare) });
  const old = await attemptTls({ host, port, minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' });
  return [
    judge('no-certificate', bare),
    judge('other-authority', forged),
    judge('old-tls', old),
    await askWithWrongIdentity(task),
  ];
}

function judge(probe: ProbeKind, { end, detail }: TlsAttempt): ProbeOutcome {
  switch (end) {
    case 'spoken':
      return { probe, result: 'accepted', detail };
    case 'alert':
      return { probe, result: 'refused', detail: `ended the handshake (${detail})` };
    case 'closed':
      return { probe, result: 'refused', detail: 'closed the connection after the handshake' };
    case 'silent':
      return { probe, result: 'unclear', detail };
    case 'absent':
      return { probe, result: 'unclear', detail: `no connection: ${detail}` };
    case 'not-tls':
      return { probe, result: 'unclear', detail: `the server does not speak TLS: ${detail}` };
  }
}

/** The best forgery there is: the peer's very own name, from an authority that is not the mesh's. */
function forgedCredentials({ certificate }: TlsAttempt): ConnectionOptions {
  const nowMs = systemClock.epochMs();
  const spiffeId = identityIn(certificate) ?? parseSpiffeId(NOBODY);
  const root = createRoot({ trustDomain: spiffeId.trustDomain, nowMs });
  const privateKey = generatePrivateKey();
  const leaf = issueLeaf(root, {
    publicKey: createPublicKey(privateKey),
    spiffeId,
    nowMs,
    lifetimeMs: FORGED_LIFETIME_MS,
  });
  return secureContextOptions({ privateKey, chain: [leaf], roots: [root.certificate] });
}

function identityIn(certificate: TlsAttempt['certificate']): SpiffeId | undefined {
  try {
    return certificate && peerSpiffeId(certificate);
  } catch {
    return undefined;
  }
}

/**
 * Asks for a connection with a certificate of the mesh whose identity may open none: the operator's.
 * The sidecar lets it into TLS, which shows that it looks further than at the authority, and must
 * answer the CONNECT with 401.
 */
async function askWithWrongIdentity(task: ProbeTask): Promise<ProbeOutcome> {
  const probe = 'wrong-identity';
  const { admin, address: host, port, authority } = task;
  if (admin === undefined) return { probe, result: 'not-tried', detail: 'give --admin FILE' };
  const socket = connectTls({
    host,
    port,
    ...TLS_OPTIONS,
    key: admin.key,
    cert: admin.chain,
    ca: admin.roots,
    ALPNProtocols: ['h2'],
    checkServerIdentity: () => undefined,
  });
  const signal = AbortSignal.timeout(PATIENCE_MS);
  let session: ClientHttp2Session | undefined;
  try {
    await inTime<void>(signal, (resolve, reject) => {
      socket.on('secureConnect', resolve).on('error', reject);
      socket.on('close', () => reject(new Error('it closed the connection')));
    });
    session = connectHttp2('https://hbone', { createConnection: () => socket });
    const status = await connectStatus(session, authority, signal);
    const detail = `answered CONNECT with ${status}`;
    if (status === 401) return { probe, result: 'refused', detail };
    return { probe, result: status === 200 ? 'accepted' : 'unclear', detail };
  } catch (error) {
    const detail = `the certificate of the mesh could not be used: ${describeError(error)}`;
    return { probe, result: 'unclear', detail };
  } finally {
    session?.destroy();
    socket.destroy();
  }
}

function connectStatus(
  session: ClientHttp2Session,
  authority: string,
  signal: AbortSignal,
): Promise<number> {
  return inTime(signal, (resolve, reject) => {
    session.on('error', reject);
    session.on('close', () => reject(new Error('it closed the connection')));
    const stream = session.request({ ':method': 'CONNECT', ':authority': authority });
    stream.on('error', reject);
    stream.on('response', (headers) => resolve(Number(headers[':status'])));
  });
}

function inTime<T>(
  signal: AbortSignal,
  begin: (resolve: (value: T) => void, reject: (error: Error) => void) => void,
): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  signal.addEventListener('abort', () => reject(new Error('no answer in time')));
  begin(resolve, reject);
  return promise;
}
