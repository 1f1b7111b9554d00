// The bundles of other trust domains as they change: refreshed by their hint, kept through failures.
import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { Registry } from 'prom-client';
import { systemClock } from '../../../common/clock.ts';
import { createGuard } from '../../../common/guard.ts';
import { controlPlaneId } from '../../../common/pki/spiffe-id.ts';
import { encodeSpiffeBundle } from '../../../common/pki/spiffe-bundle.ts';
import { secureContextOptions } from '../../../common/pki/tls-options.ts';
import { startBundleEndpoint } from '../../../control-plane/federation/bundle-endpoint.ts';
import { FederationError } from '../../../control-plane/federation/federation-error.ts';
import {
  decodeFederated,
  FEDERATED_PREFIX,
  FEDERATION_PREFIX,
} from '../../../control-plane/federation/federation-record.ts';
import type { FederationRequest } from '../../../control-plane/federation/federation-request.ts';
import { openFederations, nextRefreshMs } from '../../../control-plane/federation/federations.ts';
import { fetchBundle } from '../../../control-plane/federation/fetch-bundle.ts';
import { openSqliteStore } from '../../../control-plane/store/sqlite/sqlite-store.ts';
import { createKeyedMutex } from '../../../control-plane/keyed-mutex.ts';
import { eventually } from '../../helpers/deadline.ts';
import { createControlPlaneMetrics } from '../../../control-plane/metrics.ts';
import type { FencedStore } from '../../../control-plane/leader/fenced-store.ts';
import { createLogRecorder } from '../../helpers/log-recorder.ts';
import { createManualClock } from '../../helpers/manual-clock.ts';
import { temporaryDirectory } from '../../helpers/machine/temporary-directory.ts';
import { createTestAuthority } from '../../helpers/mesh/test-authority.ts';

const trustDomain = 'partner.example';
const endpointId = controlPlaneId(trustDomain).uri;

/** A real endpoint of the partner, whose answers a test changes, and the federations that follow it. */
async function rig(t: ExecutionContext) {
  const authority = createTestAuthority({ trustDomain });
  const directory = await temporaryDirectory();
  const log = createLogRecorder();
  const clock = createManualClock(Date.now());
  const store = await openSqliteStore({
    path: join(directory.path, 'x.db'),
    clock: systemClock,
    logger: log.logger,
  });
  t.teardown(async () => {
    await store.close();
    await directory[Symbol.asyncDispose]();
  });
  const { privateKey, chain } = authority.workload('hauberk', 'control-plane');
  let answer: RequestListener = (_request, response) => response.end(document(1));
  let asked = 0;
  const server = createServer(
    secureContextOptions({ privateKey, chain, roots: [] }),
    (request, response) => {
      asked += 1;
      answer(request, response);
    },
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => {
    server.close();
    server.closeAllConnections();
  });
  const document = (sequence: number, roots = [authority.root.certificate]): string =>
    encodeSpiffeBundle({ roots, sequence, refreshHintSeconds: 60 });
  const request: FederationRequest = {
    trustDomain,
    document: document(1),
    url: `https://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    endpointId,
  };
  return {
    authority,
    clock,
    log,
    document,
    request,
    asked: () => asked,
    says: (listener: RequestListener) => {
      answer = listener;
    },
    /** What sidecars are told. */
    async told() {
      const entry = await store.get(FEDERATED_PREFIX + trustDomain);
      return entry === undefined ? undefined : decodeFederated(entry);
    },
    store,
    async open(isLeader = true) {
      const { logger } = log;
      const guard = createGuard({ clock, logger });
      const room = { mutex: createKeyedMutex(), clock, logger, guard };
      // Its fence has tests of its own.
      const leading = store as unknown as FencedStore;
      const leader = { isLeader, onChange: () => () => {} };
      const options = { store, leader, leading, trustDomain: 'mesh.local', ...room };
      const federations = await openFederations({
        ...options,
        // The time of the test does not pass while an answer is under way.
        fetch: (wanted) => fetchBundle({ ...wanted, clock: systemClock }),
      });
      t.teardown(() => federations.close());
      return federations;
    },
  };
}

test('a bundle is refreshed by its hint, and taken up again after a restart', async (t) => {
  const { open, request, told, says, document, clock, asked } = await rig(t);
  const federations = await open();
  const added = await federations.add(request);
  t.is(added.bundle.sequence, 1);
  const next = createTestAuthority({ trustDomain }).root.certificate;
  says((_request, response) => response.end(document(2, [next])));
  await clock.advance(59_000);
  t.is(asked(), 1);
  await clock.advance(1_000);
  await eventually('the next bundle', async () => (await told())?.sequence === 2 || undefined);
  t.deepEqual((await told())?.roots.map(String), [String(next)]);
  await federations.close();

  const again = await open();
  t.deepEqual(
    again.list().map(({ bundle }) => bundle.sequence),
    [2],
  );
  await again.remove(trustDomain);
  t.is(await told(), undefined);
  t.deepEqual(again.list(), []);
  await again.close();
  t.deepEqual((await open()).list(), []);
});

test('while an endpoint fails the last good bundle stays, and the failure is told once', async (t) => {
  const { open, request, told, says, document, clock, log, authority } = await rig(t);
  const federations = await open();
  await federations.add(request);
  const failures: Record<string, readonly [reason: RegExp, RequestListener]> = {
    status: [/expected the status 200, got 503/, (_, response) => response.writeHead(503).end()],
    redirect: [
      /expected the status 200, got 302/,
      (_, response) => response.writeHead(302, { location: 'https://127.0.0.1/' }).end(),
    ],
    garbage: [/expected a SPIFFE bundle/, (_, response) => response.end('<html>')],
    size: [/at most 1048576 bytes/, (_, response) => response.end(Buffer.alloc(2 * 1024 * 1024))],
    older: [/sequence 1 or a later one, got 0/, (_, response) => response.end(document(0))],
    foreign: [
      /expected a root of spiffe:\/\/partner\.example/,
      (_, response) => response.end(document(9, [createTestAuthority().root.certificate])),
    ],
    reset: [/./, (_, response) => response.socket?.destroy()],
  };
  let seen = 0;
  for (const [what, [reason, listener]] of Object.entries(failures)) {
    says(listener);
    await eventually(what, async () => {
      await clock.advance(60_000);
      return log.of('federated-bundle-not-refreshed').length > seen || undefined;
    });
    seen += 1;
    const [federation] = federations.list();
    t.regex(federation?.failure?.sentence ?? '', reason, what);
    t.deepEqual((await told())?.roots.map(String), [String(authority.root.certificate)], what);
  }
  const since = federations.list()[0]?.failure?.sinceMs;
  t.true(since !== undefined && since < clock.epochMs());
  says((_, response) => response.end(document(2)));
  await eventually('it is well again', async () => {
    await clock.advance(60_000);
    return federations.list()[0]?.failure === undefined || undefined;
  });
  t.is(log.of('federated-bundle-not-refreshed').length, seen);
});

test('a bundle without a sequence takes nothing back: the one that is known still counts', async (t) => {
  const { open, request, told, says, document, clock, log, authority } = await rig(t);
  const federations = await open();
  says((_, response) => response.end(document(5)));
  await federations.add(request);
  const next = createTestAuthority({ trustDomain }).root.certificate;
  const both = [authority.root.certificate, next];
  const hint = { refreshHintSeconds: 60 };
  says((_, response) => response.end(encodeSpiffeBundle({ roots: both, ...hint })));
  await clock.advance(60_000);
  await eventually('the bundle without a sequence', async () => {
    return (await told())?.roots.some(({ raw }) => raw.equals(next.raw)) || undefined;
  });
  t.is((await told())?.sequence, 5);

  says((_, response) => response.end(document(4)));
  await eventually('the old one is refused', async () => {
    await clock.advance(60_000);
    return log.of('federated-bundle-not-refreshed').length > 0 || undefined;
  });
  t.regex(federations.list()[0]?.failure?.sentence ?? '', /sequence 5 or a later one, got 4/);
  t.deepEqual((await told())?.roots.map(String), both.map(String));
});

test('a bundle of a file is kept current by nobody but the operator', async (t) => {
  const { open, request, told, document, clock, asked, authority } = await rig(t);
  const federations = await open();
  const byFile = { ...request, url: undefined, endpointId: undefined };
  await federations.add(byFile);
  t.deepEqual((await told())?.roots.map(String), [String(authority.root.certificate)]);
  await clock.advance(86_400_000);
  t.is(asked(), 0);
  t.is(clock.pending.length, 0);
  // A mesh that was made anew counts from the start again.
  await federations.add({ ...byFile, document: document(0, []) });
  t.is((await told())?.sequence, 0);
  t.like(federations.list(), { length: 1 });
});

test('all roots can be taken back', async (t) => {
  const { open, request, told, says, document, clock } = await rig(t);
  const federations = await open();
  await federations.add(request);
  says((_, response) => response.end(document(2, [])));
  await clock.advance(60_000);
  const bundle = await eventually('the next bundle', async () => {
    const now = await told();
    return now?.sequence === 2 ? now : undefined;
  });
  t.deepEqual(bundle.roots, []);
});

test('what makes no sense is refused, and leaves nothing behind', async (t) => {
  const { open, request, told } = await rig(t);
  const federations = await open();
  const wrong: Record<string, readonly [reason: RegExp, Partial<FederationRequest>]> = {
    own: [/is the trust domain of the mesh itself/, { trustDomain: 'mesh.local' }],
    name: [/expected a trust domain/, { trustDomain: 'Partner/Example' }],
    nothing: [/expected a bundle, or the URL/, { document: undefined, url: undefined }],
    plain: [/https:\/\//, { url: 'http://127.0.0.1/' }],
    password: [/without a password/, { url: 'https://a:b@127.0.0.1/' }],
    garbage: [/certificate/, { document: 'garbage' }],
    foreignId: [/expected a SPIFFE ID of partner/, { endpointId: 'spiffe://mesh.local/a' }],
    noBundle: [/verified by a bundle that is known/, { document: undefined }],
  };
  for (const [what, [message, changes]] of Object.entries(wrong)) {
    const asking = federations.add({ ...request, ...changes });
    const error = await t.throwsAsync(asking, { instanceOf: FederationError, message }, what);
    t.is(error?.code, 'federation-invalid', what);
  }
  const stranger = createTestAuthority({ trustDomain }).root.certificate;
  const unavailable: Record<string, Partial<FederationRequest>> = {
    'another endpoint': { endpointId: `spiffe://${trustDomain}/spire/server` },
    'another root': { document: encodeSpiffeBundle({ roots: [stranger] }) },
    'no public authority': { endpointId: undefined },
    nobody: { url: 'https://127.0.0.1:1/' },
  };
  for (const [what, changes] of Object.entries(unavailable)) {
    const asking = federations.add({ ...request, ...changes });
    const error = await t.throwsAsync(asking, { instanceOf: FederationError }, what);
    t.is(error?.code, 'federation-unavailable', what);
  }
  const unknown = await t.throwsAsync(federations.remove(trustDomain), {
    instanceOf: FederationError,
  });
  t.is(unknown?.code, 'federation-unknown');
  t.is(await told(), undefined);
});

test('our endpoint is one that we take', async (t) => {
  const { authority, clock, log } = await rig(t);
  const { privateKey, chain } = authority.workload('hauberk', 'control-plane');
  const roots = [authority.root.certificate];
  const endpoint = await startBundleEndpoint({
    host: '127.0.0.1',
    port: 0,
    credential: secureContextOptions({ privateKey, chain, roots }),
    bundle: () => ({ ...authority.bundle, version: 4 }),
    clock,
    logger: log.logger,
    metrics: createControlPlaneMetrics(new Registry()),
  });
  t.teardown(() => endpoint.close());
  const url = `https://127.0.0.1:${endpoint.port}/`;
  const from = { trustDomain, endpoint: { spiffeId: endpointId, roots }, clock };
  const bundle = await fetchBundle({ ...from, url });
  t.like(bundle, { sequence: 4, refreshHintSeconds: 300 });
  t.deepEqual(bundle.roots.map(String), roots.map(String));
  await t.throwsAsync(fetchBundle({ ...from, url: `${url}else` }), { message: /got 404/ });
  // Two of the 60 that an address has at once are used up; the clock stands still.
  for (let at = 0; at < 58; at += 1) await fetchBundle({ ...from, url });
  await t.throwsAsync(fetchBundle({ ...from, url }), { message: /got 429/ });
  await clock.advance(500);
  await t.notThrowsAsync(fetchBundle({ ...from, url }));
});

test('the hint counts within bounds, and a failure is tried again sooner', (t) => {
  t.is(nextRefreshMs(60, false), 60_000);
  t.is(nextRefreshMs(undefined, false), 300_000);
  t.is(nextRefreshMs(0, false), 300_000);
  t.is(nextRefreshMs(1, false), 10_000);
  t.is(nextRefreshMs(10_000_000, false), 86_400_000);
  t.is(nextRefreshMs(60, true), 15_000);
  t.is(nextRefreshMs(86_400, true), 75_000);
});

test('a trust domain that is removed elsewhere while its endpoint is asked is not trusted again', async (t) => {
  const { open, store, request, told, says, document, clock, asked } = await rig(t);
  const federations = await open();
  await federations.add(request);
  const waiting = Promise.withResolvers<void>();
  says((_request, response) => void waiting.promise.then(() => response.end(document(2))));
  await clock.advance(60_000);
  await eventually('the endpoint is asked', () => asked() > 1 || undefined);
  // As another control plane does it.
  await store.transact(
    [],
    [
      { kind: 'delete', key: FEDERATION_PREFIX + trustDomain },
      { kind: 'delete', key: FEDERATED_PREFIX + trustDomain },
    ],
  );
  await eventually('it is not listed', () => federations.list().length === 0 || undefined);
  waiting.resolve();
  await federations.close();
  t.is(await told(), undefined);
});

test('what another control plane adds is listed, and only the leader asks its endpoint', async (t) => {
  const { open, request, clock, asked } = await rig(t);
  const first = await open(false);
  const second = await open();
  await first.add(request);
  await eventually('it is listed', () => second.list().length === 1 || undefined);
  const before = asked();
  await clock.advance(1);
  await eventually('the leader asks', () => asked() > before || undefined);
  await first.close();
  t.is(asked(), before + 1);
});
