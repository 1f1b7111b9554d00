/** What is left out of a bug report. */
import test from 'ava';
import {
  cleanEnvironment,
  cleanMeshConfig,
  countTerminalLines,
  createCleaner,
  ownLines,
} from '../../../cli/bug-report/clean.ts';

const clean = createCleaner({
  HAUBERK_UNLOCK_PASSPHRASE: 'SECRET-1',
  MY_API_KEY: 'SECRET-2',
  MY_SECRET: 'SECRET"\\SECRET',
  HAUBERK_TOKEN_FILE: '/run/token',
  HOME: '/root',
});

for (const text of [
  'opened with SECRET-1',
  'called with "SECRET-2"',
  JSON.stringify({ said: 'it is SECRET"\\SECRET' }),
  'http://user:SECRET@host:80/a',
  'etcd://SECRET@host',
  'http://user:SECRET@SECRET@host:80/a',
  "http://user:SECRET'SECRET@host/a",
  'Authorization: Bearer SECRET.SECRET',
  'proxy-authorization: Basic SECRET==',
  '{"password":"SECRET \\"SECRET"}',
  'DB_PASSWORD=SECRET',
  "api_key: 'SECRET'",
  'set-cookie: session=SECRET; path=/',
  `hbk-1-${'SECRET'.toLowerCase().repeat(12)}-x-y`,
  '-----BEGIN PRIVATE KEY-----\nSECRET\n-----END PRIVATE KEY-----',
]) {
  test(`there is no secret left of ${JSON.stringify(text)}`, (t) => {
    t.notRegex(clean(text), /secret[-.=\d]|^.*SECRET/i);
  });
}

test('what is no secret stays', (t) => {
  const text = 'GET http://api.shop:8080/orders from /run/token in /root: 503 (timeout)';
  t.is(clean(text), text);
});

test('of the environment only variables of Hauberk are told, and no secret', (t) => {
  const told = cleanEnvironment({ HAUBERK_TOKEN: 'SECRET', HAUBERK_SERVICE: 'web', OTHER: 'x' });
  t.deepEqual(told, { HAUBERK_TOKEN: '(hidden)', HAUBERK_SERVICE: 'web' });
});

test('a configuration has no comments and no values of header fields', (t) => {
  const told = cleanMeshConfig(
    '# SECRET\nroutes:\n  headers: [{ name: x-key, value: SECRET }]\n  path: { type: Exact, value: /a }\n',
  );
  t.false(told.includes('SECRET'));
  t.true(told.includes('x-key') && told.includes('/a'));
});

test('lines of applications are left out', (t) => {
  const own = 'web-sidecar-1  | {"level":"info","time":"x","name":"proxy","msg":"ready"}\n';
  t.is(
    ownLines(`web-1  | user SECRET signed in\n${own}api | {"level":"info","name":"app"}\n`),
    own,
  );
});

test('what was asked of a gateway is told without the values of its query', (t) => {
  const line = (target: string): string =>
    `gw-1  | {"level":"info","name":"gateway","event":"request","target":"${target}","msg":"GET ${target}"}\n`;
  t.is(
    ownLines(line('/login?code=SECRET&user=SECRET') + line('/invite?SECRET') + line('/a')),
    line('/login?code=(hidden)&user=(hidden)') + line('/invite?(hidden)') + line('/a'),
  );
});

test('a line of an application that only quotes one of ours is left out', (t) => {
  t.is(ownLines('{"msg":{"level":"info","name":"proxy"},"SECRET":1}\n'), '');
  t.is(ownLines('{"level":"info","name":"app","said":{"name":"proxy"},"x":"SECRET"}\n'), '');
});

test('a line of an application that is made to be slow to read takes no longer than others', (t) => {
  // Each pair of its beginnings would be tried with each other one: some 10^12 steps.
  const hostile = '{"level":"a""name":'.repeat(20_000);
  t.is(ownLines(`${hostile}\n`), '');
  t.is(clean('password'.repeat(40_000)).length, 320_000);
});

test('lines for a terminal do not say who has written them: they are counted and left out', (t) => {
  const text = [
    'web-1  | [12:00:01.250] \u001b[32mINFO\u001b[39m: \u001b[36mlistening\u001b[39m',
    'web-1  |     event: "listening"',
    'api-1  | [12:00:01.250] INFO (17): password is hunter2',
    'api-1  | at [12:00] there was INFO',
    '{"level":"info","name":"proxy","msg":"ready"}',
  ].join('\n');
  t.is(countTerminalLines(text), 2);
  t.is(ownLines(text), '{"level":"info","name":"proxy","msg":"ready"}\n');
});
