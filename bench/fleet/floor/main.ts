// What a stream costs a server that does nothing with it: `tools/run node bench/fleet/floor/main.ts --help`.
import { createPublicKey } from 'node:crypto';
import { join } from 'node:path';
import type { ClientHttp2Session } from 'node:http2';
import { createSecureContext, type SecureContextOptions } from 'node:tls';
import { parseArgs } from 'node:util';
import { createIssuer, createRoot } from '../../../common/pki/authority.ts';
import { generatePrivateKey } from '../../../common/pki/key.ts';
import { issueLeaf } from '../../../common/pki/leaf.ts';
import { DEFAULT_LEAF_LIFETIME_MS } from '../../../common/pki/lifetimes.ts';
import { controlPlaneId, spiffeId, type SpiffeId } from '../../../common/pki/spiffe-id.ts';
import { secureContextOptions } from '../../../common/pki/tls-options.ts';
import { nodeEnvironment } from '../../../common/process/node-environment.ts';
import { BenchError } from '../../bench-error.ts';
import { passToAll, startProcess } from '../../lab/bench-process.ts';
import { pause } from '../../lab/deadline.ts';
import { residentBytes } from '../../measure/process-usage.ts';
import { openCall, openSession } from '../simulator/grpc.ts';
import { FLOOR_KINDS, FLOOR_PATH, type FloorKind } from './floor-plan.ts';

const HELP = `Usage: tools/run node bench/fleet/floor/main.ts [options]

Opens streams to a server that does nothing with them, and prints what each adds to its memory.

Options:
  --server KIND          grpc: grpc-js; http2: node:http2 alone; tls: no HTTP/2; grpc when left out
  --streams N            streams; 2000 when left out. Measured at the half and at the whole
  --per-connection N     streams of one connection, at most 32; 24 when left out
`;
/** How the launcher of the product sizes V8 (cli/hauberk). */
const FLAGS = [
  '--initial-old-space-size=96',
  '--max-semi-space-size=4',
  '--no-allocation-site-pretenuring',
  '--no-maglev',
  '--disable-warning=ExperimentalWarning',
];
const TRUST_DOMAIN = 'floor.test';
const SETTLE_MS = 3_000;
const KIB = 1024;

const { values } = parseArgs({
  options: {
    server: { type: 'string', default: 'grpc' },
    streams: { type: 'string', default: '2000' },
    'per-connection': { type: 'string', default: '24' },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) process.stdout.write(HELP);
else {
  passToAll(nodeEnvironment(process.env));
  const kind = FLOOR_KINDS.find((one) => one === values.server);
  const [streams, perConnection] = [Number(values.streams), Number(values['per-connection'])];
  if (kind === undefined || !(streams >= 2) || !(perConnection >= 1)) {
    const sentence = `expected options as below, got ${process.argv.slice(2).join(' ')}`;
    throw new BenchError('option-invalid', sentence, { hint: HELP });
  }
  process.stdout.write(await measure(kind, streams, perConnection));
}
// Its connections are still open.
process.exit(0);

async function measure(kind: FloorKind, streams: number, perConnection: number): Promise<string> {
  const credentialsOf = createMesh();
  const server = startProcess({
    name: 'server',
    program: process.execPath,
    args: [...FLAGS, join(import.meta.dirname, 'server.ts')],
    openFiles: streams + 1_000,
    env: { MALLOC_ARENA_MAX: '1' },
  });
  try {
    const { key, cert, ca } = credentialsOf(controlPlaneId(TRUST_DOMAIN));
    server.send(JSON.stringify({ kind, key, cert, ca: String(ca) }));
    server.finish();
    const [, port] = await server.line(/^port (\d+)$/);
    const client = spiffeId({ trustDomain: TRUST_DOMAIN, namespace: 'floor', service: 'client' });
    const connect = (): Promise<ClientHttp2Session> =>
      openSession({
        host: '127.0.0.1',
        port: Number(port),
        trustDomain: TRUST_DOMAIN,
        context: createSecureContext(credentialsOf(client)),
        timeoutMs: 10_000,
      });
    const open = async (many: number): Promise<void> => {
      for (let left = many; left > 0; left -= perConnection) {
        const session = await connect();
        const calls = kind === 'tls' ? 0 : Math.min(left, perConnection);
        await Promise.all(Array.from({ length: calls }, () => answered(session)));
      }
    };
    const memory = async (): Promise<number> => {
      await pause(SETTLE_MS);
      return residentBytes([server.pid]);
    };
    // Compiles what a stream needs.
    await open(Math.ceil(streams / 10));
    const before = await memory();
    await open(streams / 2);
    const half = await memory();
    await open(streams / 2);
    const each = (bytes: number): string => (bytes / (streams / 2) / KIB).toFixed(1);
    const [first, next] = [each(half - before), each((await memory()) - half)];
    return `${kind}, ${perConnection} to a connection: the first ${streams / 2} add ${first} KiB each, the next ${next}\n`;
  } finally {
    await server.end();
  }
}

/** Credentials of one mesh, by SPIFFE ID. */
function createMesh(): (id: SpiffeId) => SecureContextOptions {
  const options = { trustDomain: TRUST_DOMAIN, nowMs: Date.now() };
  const root = createRoot(options);
  const issuer = createIssuer(root, options);
  return (id) => {
    const privateKey = generatePrivateKey();
    const publicKey = createPublicKey(privateKey);
    const lifetimeMs = DEFAULT_LEAF_LIFETIME_MS;
    const leaf = issueLeaf(issuer, { ...options, publicKey, spiffeId: id, lifetimeMs });
    const chain = [leaf, issuer.certificate];
    return secureContextOptions({ privateKey, chain, roots: [root.certificate] });
  };
}

/** Opens a stream that stays, and waits for its first answer. */
async function answered(session: ClientHttp2Session): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const stream = openCall(session, FLOOR_PATH, {
    onMessage: () => resolve(),
    onEnd: (error) => reject(error ?? new BenchError('load-failed', 'the server ended a stream')),
  });
  stream.write(new Uint8Array());
  await promise;
}
