import test from 'ava';
import { readSession, sessionField, sessionToken } from '../../../proxy/routes/session.ts';

const COOKIE = { type: 'Cookie', sessionName: 'stick', absoluteTimeoutMs: undefined } as const;
const HEADER = { type: 'Header', sessionName: 'X-Session', absoluteTimeoutMs: undefined } as const;

test('a token is the same wherever it is made, differs by endpoint and route, and says nothing of either', (t) => {
  const token = sessionToken('web', 'one');
  t.is(sessionToken('web', 'one'), token);
  t.regex(token, /^[\w-]{16}$/);
  t.not(sessionToken('web', 'two'), token);
  t.not(sessionToken('shop', 'one'), token);
  // Where one ends and the other begins counts.
  t.not(sessionToken('we', 'bone'), token);
});

test('the token is found among other cookies, in fields of any spelling, and only by its very name', (t) => {
  const read = (...fields: [string, string][]) => readSession(COOKIE, fields);
  t.is(read(['cookie', 'a=1; stick=T; b=2']), 'T');
  t.is(read(['Cookie', 'stick="T"']), 'T');
  t.is(read(['cookie', 'a=1'], ['cookie', 'stick=T']), 'T', 'HTTP/2 may split them');
  t.is(read(['cookie', 'stick=T; stick=U']), 'T');
  t.is(read(['cookie', 'Stick=T; notstick=T; xstick=T']), undefined);
  t.is(read(['cookie', 'stick; a=1']), undefined);
  t.is(read(['x-cookie', 'stick=T']), undefined);
  t.is(readSession(HEADER, [['x-session', ' T ']]), 'T');
  t.is(readSession(HEADER, [['cookie', 'X-Session=T']]), undefined);
});

test('the field that a client is given', (t) => {
  t.deepEqual(sessionField(COOKIE, 'T'), ['set-cookie', 'stick=T; Path=/; HttpOnly; SameSite=Lax']);
  t.deepEqual(sessionField({ ...COOKIE, absoluteTimeoutMs: 3_600_000 }, 'T'), [
    'set-cookie',
    'stick=T; Path=/; Max-Age=3600; HttpOnly; SameSite=Lax',
  ]);
  t.deepEqual(sessionField(HEADER, 'T'), ['X-Session', 'T']);
});
