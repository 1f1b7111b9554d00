/** Who the dashboard lets in, and who not: each refusal stands beside what is allowed. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { toPem } from '../../../common/pki/pem.ts';
import { ConfigError } from '../../../common/config/config-error.ts';
import {
  askDashboard,
  type SignedIn,
  signedIn,
  signInWith,
} from '../../helpers/dashboard/dashboard-client.ts';
import { createTestAuthority } from '../../helpers/mesh/test-authority.ts';
import { temporaryDirectory } from '../../helpers/machine/temporary-directory.ts';
import { startControlPlaneUnderTest } from '../control-plane-under-test.ts';

const LOOPBACK = { host: '127.0.0.1', port: 0 };

async function rig(t: ExecutionContext) {
  const running = await startControlPlaneUnderTest(t, { dashboard: { dashboardListen: LOOPBACK } });
  const origin = `http://127.0.0.1:${running.controlPlane.dashboardPort}`;
  const code = async (allowChanges = false): Promise<string> => {
    const { path } = await running.admin.createDashboardLink({ allowChanges });
    return path.slice(path.indexOf('#') + 1);
  };
  return {
    ...running,
    origin,
    code,
    async signIn(allowChanges = false): Promise<SignedIn> {
      const answer = await signInWith(origin, await code(allowChanges));
      t.is(answer.status, 200, answer.body);
      return signedIn(answer);
    },
    async refused(reason: string): Promise<boolean> {
      return await running.metric(`hauberk_dashboard_refused_total{reason="${reason}"} 1`);
    },
  };
}

test('a link opens one session, once', async (t) => {
  const { origin, code, refused } = await rig(t);
  const given = await code();
  const first = await signInWith(origin, given);
  t.is(first.status, 200);
  t.regex(String(first.headers['set-cookie']), /; Path=\/; HttpOnly; SameSite=Strict$/);
  t.is(
    (await askDashboard(origin, '/api/session', { headers: { ...signedIn(first) } })).status,
    200,
  );
  const second = await signInWith(origin, given);
  t.deepEqual([second.status, second.code], [403, 'link-unknown']);
  t.true(await refused('link-unknown'));
});

test('a link is of no use after five minutes', async (t) => {
  const { origin, code, clock } = await rig(t);
  const [early, late] = [await code(), await code()];
  await clock.advance(5 * 60_000 - 1);
  t.is((await signInWith(origin, early)).status, 200);
  await clock.advance(1);
  t.is((await signInWith(origin, late)).code, 'link-unknown');
});

test('without a session nothing is told, not even of what there is', async (t) => {
  const { origin, signIn, refused } = await rig(t);
  const fields = await signIn();
  for (const name of ['session', 'mesh', 'certificates', 'access', 'policy', 'live', 'nothing']) {
    const { status, code } = await askDashboard(origin, `/api/${name}`);
    t.deepEqual([status, code], [401, 'session-missing'], name);
  }
  t.true(await refused('session-missing').then((isOne) => !isOne), 'each is counted');
  t.is((await askDashboard(origin, '/api/mesh', { headers: { ...fields } })).status, 200);
  t.is((await askDashboard(origin, '/api/nothing', { headers: { ...fields } })).code, 'not-found');
});

test('the cookie alone, which other ports of the host get too, is not enough, nor is the key alone', async (t) => {
  const { origin, signIn } = await rig(t);
  const { cookie, 'x-hauberk-key': key } = await signIn();
  const other = await signIn();
  const ask = (headers: Record<string, string>) => askDashboard(origin, '/api/mesh', { headers });
  t.is((await ask({ cookie })).code, 'session-missing');
  t.is((await ask({ 'x-hauberk-key': key })).code, 'session-missing');
  t.is((await ask({ cookie, 'x-hauberk-key': other['x-hauberk-key'] })).code, 'session-missing');
  t.is((await ask({ cookie, 'x-hauberk-key': key })).status, 200);
});

test('a session ends after an hour without use, after twelve in any case, and by signing out', async (t) => {
  const { origin, signIn, clock } = await rig(t);
  const ask = (headers: SignedIn) =>
    askDashboard(origin, '/api/session', { headers: { ...headers } });
  const idle = await signIn();
  await clock.advance(60 * 60_000);
  t.is((await ask(idle)).code, 'session-expired');

  const used = await signIn();
  for (let halves = 1; halves < 24; halves += 1) {
    await clock.advance(30 * 60_000);
    t.is((await ask(used)).status, 200, `after ${halves / 2} hours`);
  }
  await clock.advance(30 * 60_000);
  t.is((await ask(used)).code, 'session-expired');

  const leaving = await signIn();
  const headers = { ...leaving, origin, 'content-type': 'application/json' };
  const out = await askDashboard(origin, '/api/sign-out', { method: 'POST', headers, body: '{}' });
  t.is(out.status, 200);
  t.regex(String(out.headers['set-cookie']), /Max-Age=0/);
  t.is((await ask(leaving)).code, 'session-missing');
});

test('a session ends with the credential of its operator', async (t) => {
  const { origin, signIn, admin, operator } = await rig(t);
  const fields = await signIn();
  const ask = () => askDashboard(origin, '/api/session', { headers: { ...fields } });
  t.is((await ask()).status, 200);
  const [leaf] = operator.chain;
  await admin.revoke({ kind: 'serial', serial: leaf?.serialNumber.toLowerCase() ?? '' });
  t.is((await ask()).code, 'session-expired');
});

test('a request to another name is refused: its page may be anywhere', async (t) => {
  const { origin, signIn, refused } = await rig(t);
  const fields = await signIn();
  const port = new URL(origin).port;
  for (const host of ['evil.example', `evil.example:${port}`, 'localhost.evil.example', 'a b']) {
    const { status, code } = await askDashboard(origin, '/', { headers: { ...fields, host } });
    t.deepEqual([status, code], [421, 'foreign-host'], host);
  }
  t.false(await refused('foreign-host'));
  for (const host of [`127.0.0.1:${port}`, `localhost:${port}`, '[::1]:9999', '127.0.0.1']) {
    t.is((await askDashboard(origin, '/', { headers: { host } })).status, 200, host);
  }
});

test('a request that another page has made is refused', async (t) => {
  const { origin, signIn } = await rig(t);
  const fields = await signIn(true);
  const send = (headers: Record<string, string>, method: 'GET' | 'POST' = 'POST') =>
    askDashboard(origin, method === 'GET' ? '/api/mesh' : '/api/dry-run', {
      method,
      headers: { ...fields, 'content-type': 'application/json', ...headers },
      ...(method === 'POST' && { body: '{"document":""}' }),
    });
  t.is((await send({ origin: 'http://evil.example' })).code, 'foreign-origin');
  t.is((await send({ origin: 'null' })).code, 'foreign-origin');
  t.is(
    (await send({ origin: origin.replace(/\d+$/, '1') })).code,
    'foreign-origin',
    'another port',
  );
  t.is((await send({ origin: origin.replace('http', 'https') })).code, 'foreign-origin');
  t.is((await send({})).code, 'foreign-origin', 'a browser says where it comes from');
  t.is((await send({ origin, 'sec-fetch-site': 'same-site' })).code, 'foreign-origin');
  t.is((await send({ 'sec-fetch-site': 'cross-site' }, 'GET')).code, 'foreign-origin');
  t.is((await send({ origin, 'content-type': 'text/plain' })).code, 'request-malformed');
  t.is((await send({ origin, 'sec-fetch-site': 'same-origin' })).status, 200);
  t.is((await send({ 'sec-fetch-site': 'same-origin' }, 'GET')).status, 200);
});

test('a browser that may look changes nothing; one that may change does what is asked, and it is told', async (t) => {
  const { origin, signIn, admin, log } = await rig(t);
  const document = 'authorization:\n  rules: []\n';
  const apply = async (fields: SignedIn) =>
    await askDashboard(origin, '/api/apply', {
      method: 'POST',
      headers: { ...fields, origin, 'content-type': 'application/json' },
      body: JSON.stringify({ document, baseVersion: 0 }),
    });
  const refused = await apply(await signIn());
  t.deepEqual([refused.status, refused.code], [403, 'read-only']);
  t.is((await admin.getMeshConfig()).version, 0);

  const done = await apply(await signIn(true));
  t.is(done.status, 200, done.body);
  t.is((await admin.getMeshConfig()).document, document);
  t.like(log.of('dashboard-change')[0], { change: 'apply' });
  const [credential] = await admin.listOperators();
  t.truthy(credential?.lastUsedMs);
});

test('every answer keeps the page to itself', async (t) => {
  const { origin } = await rig(t);
  for (const path of ['/', '/mesh', '/app/main.ts', '/api/mesh', '/nowhere']) {
    const { headers } = await askDashboard(origin, path);
    const policy = String(headers['content-security-policy']);
    t.regex(policy, /default-src 'none'/, path);
    t.notRegex(policy, /unsafe|https?:|\*/, path);
    t.is(headers['x-content-type-options'], 'nosniff');
    t.is(headers['x-frame-options'], 'DENY');
    t.is(headers['referrer-policy'], 'no-referrer');
    t.is(headers['access-control-allow-origin'], undefined);
  }
  const { body } = await askDashboard(origin, '/');
  t.notRegex(body, /<script(?![^>]*\ssrc=)|<style|\sstyle=|\son[a-z]+=/, 'nothing inline');
});

test('nothing but the files of the dashboard is served', async (t) => {
  const { origin } = await rig(t);
  for (const path of [
    '/app/../package.json',
    '/app/%2e%2e/package.json',
    '/app/tsconfig.json',
    '/lib/lit-html/package.json',
    '/app/',
    '/app/nothing.ts',
  ]) {
    t.is((await askDashboard(origin, path)).status, 404, path);
  }
  const { body, headers } = await askDashboard(origin, '/app/data/time.ts');
  t.regex(String(headers['content-type']), /^text\/javascript/);
  t.notRegex(body, /: number/, 'types are gone');
  const again = await askDashboard(origin, '/app/data/time.ts', {
    headers: { 'if-none-match': String(headers.etag) },
  });
  t.is(again.status, 304);
  t.is((await askDashboard(origin, '/mesh', { method: 'PUT' })).status, 405);
});

test('a target that is no URL is not found, and is no failure of the dashboard', async (t) => {
  const { origin, log } = await rig(t);
  for (const path of ['//', '//[', '/api//', '//:x/api/mesh']) {
    const { status } = await askDashboard(origin, path);
    t.true(status === 404 || status === 401, `${path}: ${status}`);
  }
  t.deepEqual(
    log.lines.filter(({ msg }) => msg === 'the dashboard failed'),
    [],
  );
});

test('what is too large is refused in a sentence', async (t) => {
  const { origin, signIn } = await rig(t);
  const headers = { ...(await signIn()), origin, 'content-type': 'application/json' };
  const body = JSON.stringify({ document: '#'.repeat(1_000_000) });
  const {
    status,
    code,
    body: answer,
  } = await askDashboard(origin, '/api/dry-run', {
    method: 'POST',
    headers,
    body,
  });
  t.deepEqual([status, code], [400, 'request-malformed']);
  t.regex(answer, /a body of at most 786432 bytes/);
});

test('beyond loopback it is served with a certificate only', async (t) => {
  for (const host of ['0.0.0.0', 'control-plane.example']) {
    const dashboard = { dashboardListen: { host, port: 0 } };
    const error = await t.throwsAsync(startControlPlaneUnderTest(t, { dashboard }), {
      instanceOf: ConfigError,
    });
    t.regex(error.message, /needs TLS/);
  }

  const authority = createTestAuthority();
  const { chain, privateKey } = authority.workload('shop', 'web');
  const directory = await temporaryDirectory();
  t.teardown(() => directory[Symbol.asyncDispose]());
  const [dashboardCert, dashboardKey] = [join(directory.path, 'c'), join(directory.path, 'k')];
  await writeFile(dashboardCert, toPem(chain));
  await writeFile(dashboardKey, privateKey.export({ type: 'pkcs8', format: 'pem' }));
  const dashboardListen = { host: '0.0.0.0', port: 0 };
  const dashboard = { dashboardListen, dashboardCert, dashboardKey };
  const { controlPlane, admin } = await startControlPlaneUnderTest(t, { dashboard });
  const origin = `https://127.0.0.1:${controlPlane.dashboardPort}`;
  const { path, tls } = await admin.createDashboardLink({ allowChanges: false });
  t.true(tls);
  const answer = await signInWith(origin, path.slice(path.indexOf('#') + 1));
  t.is(answer.status, 200, answer.body);
  t.regex(String(answer.headers['set-cookie']), /^__Host-hauberk-\d+=.*; SameSite=Strict; Secure$/);
  const named = { host: `web.shop:${controlPlane.dashboardPort}` };
  t.is((await askDashboard(origin, '/', { headers: named })).status, 200, 'a name it certifies');
  const other = { host: 'api.shop' };
  t.is((await askDashboard(origin, '/', { headers: other })).code, 'foreign-host');
});

test('a port that is taken keeps no mesh from having certificates', async (t) => {
  const { controlPlane, admin } = await rig(t);
  const dashboardListen = { host: '127.0.0.1', port: controlPlane.dashboardPort ?? 0 };
  const second = await startControlPlaneUnderTest(t, { dashboard: { dashboardListen } });
  t.is(second.controlPlane.dashboardPort, undefined);
  t.is(second.log.of('dashboard-not-served').length, 1);
  t.truthy(await second.enrol('shop', 'web'));
  const link = await t.throwsAsync(second.admin.createDashboardLink({ allowChanges: false }));
  t.like(link, { code: 'dashboard-not-served' });
  t.regex(String(link?.message), /is in use/);
  t.truthy(await admin.createDashboardLink({ allowChanges: false }));
});
