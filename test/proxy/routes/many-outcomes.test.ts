// Many requests at once, to applications that answer, refuse, dawdle and break off at random, of clients that give up at
// random, while endpoints and routes change. Each is over in the end, nothing is left, and no POST is done twice.
import http from 'node:http';
import http2 from 'node:http2';
import test from 'ava';
import { eventually, within } from '../../helpers/deadline.ts';
import { createRandom, type Random } from '../../helpers/random.ts';
import { startRecordingApp, type RecordingApp } from '../../helpers/servers/recording-app.ts';
import { routes, rule, startRoutes } from './routes-under-test.ts';

const REQUESTS = 400;
const AT_A_TIME = 16;

const RULE = rule({
  retry: { codes: [503], attempts: 2, backoffMs: 1 },
  timeouts: { requestMs: 3_000, backendRequestMs: 500 },
  filters: { mirrors: [{ namespace: 'shop', service: 'shadow', port: 80, percent: 30 }] },
});

/** What an application does with a request. */
function behave(response: http.ServerResponse, isPost: boolean, random: Random): void {
  switch (random(isPost ? 7 : 8)) {
    case 0:
      response.socket?.resetAndDestroy();
      return;
    case 1:
      response.writeHead(200, { 'content-length': 1_000 });
      response.write('half');
      setImmediate(() => response.destroy());
      return;
    case 2:
      setTimeout(() => response.end('late'), 30);
      return;
    case 3:
      response.shouldKeepAlive = false;
      response.end('the last one');
      return;
    case 7:
      // The route asks again.
      response.writeHead(503);
      response.end('not now');
      return;
    default:
      response.end('x'.repeat(random(50_000)));
  }
}

interface Lane {
  send(method: string, path: string, givesUp: boolean): Promise<void>;
}

function overHttp1(port: number): Lane {
  return {
    async send(method, path, givesUp) {
      const agent = new http.Agent({ keepAlive: true });
      const request = http.request({ host: '127.0.0.1', port, method, path, agent });
      const over = new Promise<void>((resolve) => {
        request.on('error', () => resolve());
        request.on('close', resolve);
        request.on('response', (response) => response.on('error', () => {}).resume());
      });
      request.end(method === 'POST' ? Buffer.alloc(5_000) : undefined);
      if (givesUp) setTimeout(() => request.destroy(), 5);
      await over;
      agent.destroy();
    },
  };
}

function overHttp2(session: http2.ClientHttp2Session): Lane {
  return {
    async send(method, path, givesUp) {
      const hasBody = method === 'POST';
      const stream = session.request({ ':method': method, ':path': path }, { endStream: !hasBody });
      stream.on('error', () => {});
      const over = new Promise<void>((resolve) => void stream.on('close', resolve));
      stream.resume();
      if (hasBody) stream.end(Buffer.alloc(5_000));
      if (givesUp) setTimeout(() => stream.close(http2.constants.NGHTTP2_CANCEL), 5);
      await over;
    },
  };
}

for (const seed of [1, 2, 3]) {
  test(`whatever happens, each request ends and nothing is left (${seed})`, async (t) => {
    const random = createRandom(seed);
    const under = await startRoutes(t, routes([RULE], { appProtocol: 'http' }));
    const apps: RecordingApp[] = [];
    for (const name of ['a', 'b', 'c', 'shadow']) {
      const app = await startRecordingApp(t, name, (response, { method }) =>
        behave(response, method === 'POST', random),
      );
      const shadow = { namespace: 'shop', service: 'shadow', port: 80 };
      under.add(name, app.port, name === 'shadow' ? shadow : undefined);
      if (name !== 'shadow') apps.push(app);
    }
    const session = http2.connect(`http://127.0.0.1:${under.port}`);
    session.on('error', () => {});
    t.teardown(() => session.destroy());
    const lanes = [overHttp1(under.port), overHttp2(session)];
    let next = 0;
    const work = async (): Promise<void> => {
      while (next < REQUESTS) {
        const at = next;
        next += 1;
        if (at === 150) under.remove('b');
        if (at === 200) under.set(routes([RULE, rule()], { appProtocol: 'http' }));
        if (at === 250) under.add('b', apps[1]?.port ?? 0);
        const method = random(3) === 0 ? 'POST' : 'GET';
        await lanes[random(2)]?.send(method, `/${at}`, random(10) === 0);
      }
    };
    await within('every request is over', Promise.all(Array.from({ length: AT_A_TIME }, work)));

    await eventually('nothing is under way', async () => {
      const samples = await under.metrics();
      return samples.sum('hauberk_route_requests_active') === 0 || undefined;
    });
    for (const backend of under.backends()) {
      await eventually('no copy is under way', () => backend.isIdle || undefined);
      for (const { active, waiting } of backend.endpoints) t.deepEqual([active, waiting], [0, 0]);
    }
    const posts = apps.flatMap(({ requests }) =>
      requests.filter(({ method }) => method === 'POST').map(({ url }) => url),
    );
    t.true(posts.length > 50);
    t.is(new Set(posts).size, posts.length, 'no POST was done twice');
    const samples = await under.metrics();
    const served = samples.sum('hauberk_route_requests_total');
    // A client that gives up at once may never have asked.
    t.true(served > REQUESTS * 0.8 && served <= REQUESTS, String(served));
    t.true(samples.sum('hauberk_route_retries_total') > 0);
    t.deepEqual(under.internalErrors(), []);
  });
}
