// Callers that are refused again and again lose their connection, and a new one takes a handshake for each call. Others are
// served meanwhile, from the same address too.
import { once } from 'node:events';
import { createSecureContext } from 'node:tls';
import test, { type ExecutionContext } from 'ava';
import { callOnce, openSession } from '../../../bench/fleet/simulator/grpc.ts';
import { TLS_OPTIONS, secureContextOptions } from '../../../common/pki/tls-options.ts';
import { DiscoveryService } from '../../../proto/gen/hauberk/v1/discovery.ts';
import { IdentityService } from '../../../proto/gen/hauberk/v1/identity.ts';
import { AdminService } from '../../../proto/gen/hauberk/v1/admin.ts';
import { within } from '../../helpers/deadline.ts';
import {
  startControlPlaneUnderTest,
  type ControlPlaneUnderTest,
} from '../control-plane-under-test.ts';
import { hello, openSyncStream } from './sync/sync-stream-under-test.ts';

/** What one caller may be refused at once. */
const BURST = 2_000;
const AT_ONCE = 20;

type Identity = Awaited<ReturnType<ControlPlaneUnderTest['enrol']>>;

function connect({ controlPlane, operator }: ControlPlaneUnderTest, identity?: Identity) {
  const { roots, trustDomain } = operator;
  const context = createSecureContext(
    identity === undefined
      ? { ...TLS_OPTIONS, ca: roots.map(String) }
      : secureContextOptions({ ...identity, roots }),
  );
  const address = { host: '127.0.0.1', port: controlPlane.grpcPort };
  return openSession({ ...address, trustDomain, context, timeoutMs: 5_000 });
}

type Session = Awaited<ReturnType<typeof connect>>;

async function refusals(session: Session, path: string, many: number): Promise<Set<string>> {
  const codes = new Set<string>();
  // No message of any service begins like this.
  const call = async (): Promise<void> => {
    try {
      await callOnce(session, path, Buffer.of(0xff), 5_000);
      codes.add('answered');
    } catch (error) {
      codes.add((error as { code: string }).code);
    }
  };
  for (let at = 0; at < many; at += AT_ONCE) {
    await Promise.all(Array.from({ length: Math.min(AT_ONCE, many - at) }, call));
  }
  return codes;
}

async function isEndedByMore(
  t: ExecutionContext,
  session: Session,
  path: string,
  reason: string,
  many = 1,
): Promise<void> {
  t.false(session.destroyed);
  const closed = once(session, 'close');
  t.true((await refusals(session, path, many)).has(reason), 'the answer goes first');
  await within('the end of the connection', closed);
}

const ISSUE = IdentityService.issue.path;
const PATHS = {
  'Sync streams': DiscoveryService.sync.path,
  'requests for certificates': ISSUE,
  'calls of operators': AdminService.listTokens.path,
  'streams of operators': AdminService.watchTraffic.path,
};

for (const [what, path] of Object.entries(PATHS)) {
  test(`a stranger whose ${what} are refused again and again loses its connection`, async (t) => {
    const cp = await startControlPlaneUnderTest(t);
    const web = await cp.enrol('shop', 'web');
    const stream = openSyncStream(cp, web);
    stream.say(hello({ instanceId: 'web-1' }));
    t.is((await stream.next()).kind, 'snapshot');

    const stranger = await connect(cp);
    // What is asked for a certificate is read first: a token in it would do.
    const reason = path === ISSUE ? 'request-malformed' : 'certificate-missing';
    t.deepEqual([...(await refusals(stranger, path, BURST))], [reason]);
    const [neighbour, idle] = [await connect(cp), await connect(cp)];
    await isEndedByMore(t, stranger, path, reason);
    // A connection is counted once, however many of its calls are refused until it ends.
    await isEndedByMore(t, await connect(cp), path, reason, AT_ONCE);
    t.true(await cp.metric('hauberk_grpc_connections_failed_total{reason="refused-calls"} 2'));

    // Another one without a certificate there, as behind a NAT, loses its connection by a call of its own only.
    t.false(neighbour.destroyed);
    await isEndedByMore(t, neighbour, path, reason);
    t.false(idle.destroyed);
    idle.close();
    await t.notThrowsAsync(cp.enrol('shop', 'late'));

    // One with a certificate from there is none of them.
    await t.notThrowsAsync(cp.renew(web));
    const other = openSyncStream(cp, await cp.enrol('shop', 'api'));
    other.say(hello({ instanceId: 'api-1' }));
    t.is((await other.next()).kind, 'snapshot');
    // The stranger is answered again after a while.
    await cp.clock.advance(1_000);
    const again = await connect(cp);
    t.deepEqual([...(await refusals(again, path, 100))], [reason]);
    t.false(again.destroyed);
    again.close();
  });
}

test('an identity whose Sync streams are refused again and again does, and no other identity', async (t) => {
  const cp = await startControlPlaneUnderTest(t);
  const [web, api] = [await cp.enrol('shop', 'web'), await cp.enrol('shop', 'api')];
  const { path } = DiscoveryService.sync;
  const session = await connect(cp, web);
  t.deepEqual([...(await refusals(session, path, BURST))], ['request-malformed']);
  await isEndedByMore(t, session, path, 'request-malformed');
  const other = await connect(cp, api);
  t.deepEqual([...(await refusals(other, path, BURST))], ['request-malformed']);
  t.false(other.destroyed);
  other.close();
});
