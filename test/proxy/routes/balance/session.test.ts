import test from 'ava';
import type { SessionPersistence } from '../../../../common/routes/route.ts';
import {
  endpointToken,
  isTokenOf,
  openSession,
  readToken,
  sessionField,
} from '../../../../proxy/routes/balance/session.ts';

const COOKIE: SessionPersistence = {
  type: 'Cookie',
  sessionName: 'stick',
  cookieLifetime: 'Session',
};
const HEADER: SessionPersistence = { ...COOKIE, type: 'Header', sessionName: 'X-Session' };
const NOW_S = 1_900_000_000;
const ENDPOINT = endpointToken(COOKIE, 'one');
const open = (token: string, settings: SessionPersistence, nowS: number) =>
  isTokenOf(ENDPOINT, token) ? openSession(token, settings, 'one', nowS) : undefined;

/** The token in the field that a client is given. */
function given(settings: SessionPersistence, atS = NOW_S, before?: string): string {
  const session = before === undefined ? undefined : open(before, settings, atS);
  const field = sessionField(settings, session, { instanceId: 'one', nowS: atS });
  return /^stick=([^;]*)/.exec(field?.[1] ?? '')?.[1] ?? '';
}

test('an endpoint is called the same wherever that is made, and otherwise in another session', (t) => {
  t.is(endpointToken(COOKIE, 'one'), ENDPOINT);
  t.regex(ENDPOINT, /^[\w-]{16}$/);
  t.not(endpointToken(COOKIE, 'two'), ENDPOINT);
  t.not(endpointToken({ sessionName: 'other' }, 'one'), ENDPOINT);
  // Where one ends and the other begins counts.
  t.not(endpointToken({ sessionName: 'stic' }, 'kone'), ENDPOINT);
});

test('the token is found among other cookies, in fields of any spelling, and only by its very name', (t) => {
  const read = (...fields: [string, string][]) => readToken(COOKIE, fields);
  t.is(read(['cookie', 'a=1; stick=T; b=2']), 'T');
  t.is(read(['Cookie', 'stick="T"']), 'T');
  t.is(read(['cookie', 'a=1'], ['cookie', 'stick=T']), 'T', 'HTTP/2 may split them');
  t.is(read(['cookie', 'stick=T; stick=U']), 'T');
  t.is(read(['cookie', 'Stick=T; notstick=T; xstick=T']), undefined);
  t.is(read(['cookie', 'stick; a=1']), undefined);
  t.is(read(['x-cookie', 'stick=T']), undefined);
  t.is(readToken(HEADER, [['x-session', ' T ']]), 'T');
  t.is(readToken(HEADER, [['cookie', 'X-Session=T']]), undefined);
});

test('the field that a client is given, once', (t) => {
  const first = { instanceId: 'one', nowS: NOW_S };
  t.deepEqual(sessionField(COOKIE, undefined, first), [
    'set-cookie',
    `stick=${ENDPOINT}; Path=/; HttpOnly; SameSite=Lax`,
  ]);
  t.deepEqual(sessionField(HEADER, undefined, first), ['x-session', endpointToken(HEADER, 'one')]);
  t.is(sessionField(COOKIE, { endpoint: ENDPOINT, begunS: NOW_S }, first), undefined);
});

test('a token leads to the endpoint that it is for, and one of no endpoint leads nowhere', (t) => {
  t.deepEqual(open(ENDPOINT, COOKIE, NOW_S), { endpoint: ENDPOINT, begunS: NOW_S });
  for (const token of ['', 'x', '10.0.0.1:80', endpointToken(COOKIE, 'two'), `${ENDPOINT}x`]) {
    t.is(open(token, COOKIE, NOW_S), undefined, token);
  }
});

test('a session ends at its absolute time-out, however it is used', (t) => {
  const settings = { ...COOKIE, absoluteTimeoutMs: 60_000 };
  const token = given(settings);
  t.is(open(token, settings, NOW_S + 60)?.begunS, NOW_S);
  t.is(open(token, settings, NOW_S + 61), undefined);
});

test('a session ends when it is not used, and each answer lengthens it', (t) => {
  const settings = { ...COOKIE, absoluteTimeoutMs: 60_000, idleTimeoutMs: 20_000 };
  const token = given(settings);
  t.is(open(token, settings, NOW_S + 21), undefined);
  const renewed = given(settings, NOW_S + 20, token);
  t.is(open(renewed, settings, NOW_S + 40)?.begunS, NOW_S);
  const again = given(settings, NOW_S + 40, renewed);
  t.is(open(given(settings, NOW_S + 60, again), settings, NOW_S + 61), undefined);
});

test('nobody makes a token or lengthens one', (t) => {
  const settings = { ...COOKIE, absoluteTimeoutMs: 60_000 };
  const [endpoint, begun, used, signature] = given(settings).split('.');
  const later = (NOW_S + 3_600).toString(36);
  for (const token of [
    ENDPOINT,
    [endpoint, later, used, signature].join('.'),
    [endpoint, later, later, signature].join('.'),
    [endpoint, begun, used].join('.'),
    [endpoint, begun, used, ''].join('.'),
  ]) {
    t.is(open(token, settings, NOW_S), undefined, token);
  }
});

test('a permanent cookie lives as long as its session', (t) => {
  const settings = {
    ...COOKIE,
    absoluteTimeoutMs: 3_600_000,
    idleTimeoutMs: 600_000,
    cookieLifetime: 'Permanent',
  } as const;
  const age = (nowS: number): string | undefined =>
    sessionField(settings, { endpoint: ENDPOINT, begunS: NOW_S }, { instanceId: 'one', nowS })?.[1]
      .split('; ')
      .find((part) => part.startsWith('Max-Age'));
  t.is(age(NOW_S), 'Max-Age=3600');
  t.is(age(NOW_S + 600), 'Max-Age=3000');
});
