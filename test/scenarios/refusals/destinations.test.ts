/**
 * Whoever holds a workload's certificate reaches the ports that are exposed and nothing else: a
 * CONNECT to another host, to another port, to the sidecar itself or to nonsense is answered with a
 * bare 400, its reason is told to the operator alone, and others go on calling meanwhile.
 */
import type { ClientHttp2Session } from 'node:http2';
import { networkInterfaces } from 'node:os';
import anyTest from 'ava';
import type { TestFn } from 'ava';
import { besiege, type BesiegedMesh } from '../../helpers/mesh/besieged-mesh.ts';
import { within } from '../../helpers/deadline.ts';
import { stolenCredentials } from '../../helpers/clients/peer-credentials.ts';
import { fileScope } from '../../helpers/scope.ts';
import { answerOf, foreignSession } from '../../proxy/tunnel/foreign-peer.ts';

const test = anyTest as TestFn<BesiegedMesh>;
const scope = fileScope();
test.before(async (t) => {
  t.context = await besiege(scope);
});

type Authority = string | ((siege: BesiegedMesh) => string);

const REFUSED: Readonly<Record<string, readonly Authority[]>> = {
  'wrong-destination': [
    '192.0.2.7:8080',
    '0.0.0.0:8080',
    '169.254.169.254:80',
    '224.0.0.1:8080',
    '[2001:db8::1]:8080',
    '[::ffff:192.0.2.7]:8080',
  ],
  'not-exposed': [
    '127.0.0.1:1',
    '127.0.0.1:8081',
    '127.0.0.1:65535',
    ({ app }) => `127.0.0.1:${app.port}`,
    ({ api }) => `127.0.0.1:${api.metricsPort}`,
    ({ api }) => `127.0.0.1:${api.hbonePort}`,
    ({ mesh }) => `127.0.0.1:${mesh.controlPlane.grpcPort}`,
  ],
  'malformed-authority': [
    '127.0.0.1:0',
    '127.0.0.1:65536',
    '127.0.0.1:08080',
    '127.0.0.1:-1',
    '127.0.0.1:8080:8080',
    '127.0.0.1',
    '127.1:8080',
    '2130706433:8080',
    '0x7f.0.0.1:8080',
    '127.0.0.01:8080',
    'localhost:8080',
    'api:8080',
    'api.default:8080',
    '::1:8080',
    '[127.0.0.1]:8080',
    '[::1%lo]:8080',
    '*',
    'x'.repeat(4_000),
  ],
};

for (const [reason, authorities] of Object.entries(REFUSED)) {
  test.serial(`a CONNECT that must not be served is refused: ${reason}`, async (t) => {
    const { api, web, app, unharmed } = t.context;
    const session = await foreignSession(
      t,
      api.hbonePort,
      await stolenCredentials(web.stateDirectory),
    );
    t.is(await ask(session, '127.0.0.1:8080'), '200', 'the port that is exposed');

    const labels = { direction: 'inbound', peer: 'spiffe://mesh.local/ns/default/sa/web', reason };
    const before = (await api.metrics()).sum('hauberk_connections_failed_total', labels);
    for (const item of authorities) {
      const authority = typeof item === 'string' ? item : item(t.context);
      const stream = session.request({ ':method': 'CONNECT', ':authority': authority });
      const answer = within(`an answer to ${authority}`, answerOf(stream));
      const body = stream.setEncoding('utf8').toArray();
      body.catch(() => {});
      t.is(await answer, '400', authority);
      t.deepEqual(await body, [], 'nothing but the refusal is told');
      const told = (line: Record<string, unknown>): boolean =>
        line['authority'] === authority.slice(0, 256) && line['reason'] === reason;
      const line = await api.process.logged('stream-refused', told);
      t.is(line['peer'], labels.peer);
      t.is(line['status'], 400);
    }
    const after = (await api.metrics()).sum('hauberk_connections_failed_total', labels);
    t.is(after - before, authorities.length);

    t.is(await ask(session, '127.0.0.1:8080'), '200', 'the tunnel goes on');
    t.true(app.served > 0);
    await unharmed(t);
  });
}

test.serial(
  'an authority that HTTP/2 itself forbids resets its stream, and no other',
  async (t) => {
    const { api, web, unharmed } = t.context;
    const session = await foreignSession(
      t,
      api.hbonePort,
      await stolenCredentials(web.stateDirectory),
    );
    for (const authority of [
      'user@127.0.0.1:8080',
      'http://127.0.0.1:8080/',
      '127.0.0.1:8080 ',
      '',
    ]) {
      t.regex(await ask(session, authority), /^(?:400|reset 1)$/, authority);
      t.is(await ask(session, '127.0.0.1:8080'), '200');
    }
    await unharmed(t);
  },
);

test.serial('every address of the host leads to the exposed port, and only there', async (t) => {
  const { api, web } = t.context;
  const session = await foreignSession(
    t,
    api.hbonePort,
    await stolenCredentials(web.stateDirectory),
  );
  const own = Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .map(({ address, family }) => (family === 'IPv6' ? `[${address}]` : address));
  for (const address of own) {
    t.is(await ask(session, `${address}:8080`), '200', address);
    t.is(await ask(session, `${address}:8081`), '400', address);
  }
});

async function ask(session: ClientHttp2Session, authority: string): Promise<string> {
  const stream = session.request({ ':method': 'CONNECT', ':authority': authority });
  const answer = await within(`an answer to ${authority}`, answerOf(stream));
  stream.close();
  return answer;
}
