/** What a request asks for: read once, and refused where another server could read it in another way. */
import test from 'ava';
import {
  decodedPath,
  isAmbiguous,
  readRequestTarget,
} from '../../../../proxy/http/fields/request-target.ts';

const read = (target: string, authority: string | undefined = 'a.example', method = 'GET') =>
  readRequestTarget({ method, authority, target, version: '1.1' });

for (const [authority, host] of [
  ['a.example', 'a.example'],
  ['A.Example:8080', 'a.example'],
  ['a.example.', 'a.example'],
  ['[2001:db8::1]:80', '[2001:db8::1]'],
  ['under_score.example', 'under_score.example'],
] as const) {
  test(`the host of ${authority}`, (t) => t.is(read('/', authority)?.host, host));
}

for (const authority of [
  '',
  'u@a.example',
  'a.example/x',
  'a, b',
  'a b',
  '-a',
  'a:b',
  'ä.example',
]) {
  test(`no host: ${JSON.stringify(authority)}`, (t) => t.is(read('/', authority), undefined));
}

test('HTTP/1.0 may leave the host out', (t) => {
  const head = { method: 'GET', authority: undefined, target: '/old' };
  t.deepEqual(readRequestTarget({ ...head, version: '1.0' }), { host: undefined, path: '/old' });
  t.is(readRequestTarget({ ...head, version: '1.1' }), undefined);
});

for (const [target, path] of [
  ['/', '/'],
  ['/a?b', '/a'],
  ['/a..b/.c/...?../', '/a..b/.c/...'],
  ['/a%2fb', '/a%2fb'],
  ['/.well-known/x', '/.well-known/x'],
  ['//a', '//a'],
] as const) {
  test(`the path of ${target}`, (t) => t.is(read(target)?.path, path));
}

for (const target of [
  '',
  'a',
  '*',
  '/#a',
  '/a b',
  '/\u00e4',
  '/a/../b',
  '/..',
  '/a/.',
  '/%2e%2E/b',
  '/a/.%2e/b',
  '/a/%2e/b',
  '/a\\..\\b',
  '/raw/..%2fadmin',
  '/raw/..%5cadmin',
  '/raw/x%2f..%2f..%2fadmin',
  '/raw%2f%2e%2e/admin',
  '/raw/..;x/admin',
]) {
  test(`refused: ${target}`, (t) => t.is(read(target), undefined));
}

test('a star is for OPTIONS alone', (t) => {
  t.deepEqual(read('*', 'a.example', 'OPTIONS'), { host: 'a.example', path: '*' });
});

test('a path is decoded as the most eager server does it', (t) => {
  t.is(decodedPath('/a%2fb%5Cc\\d//e%2e%61'), '/a/b/c/d/e.a');
  t.is(decodedPath('/plain/path-1.html'), '/plain/path-1.html');
  t.is(decodedPath('/100%'), '/100%');
});

for (const [path, prefix, isRefused] of [
  ['/raw/file.txt', '/raw', false],
  ['/raw/a%20b', '/raw', false],
  ['/raw/a%2fb', '/raw', true],
  ['/raw/a%5Cb', '/raw', true],
  ['/raw/a\\b', '/raw', true],
  ['/raw//b', '/raw', true],
  ['/a%2fb', '/', false],
  ['//a', '/', false],
  ['/%61dmin', '/', true],
  ['/%2fadmin', '/', true],
  ['//admin', '/', true],
  ['/admin;x=1', '/', true],
  ['/admin;/users', '/', true],
  ['/admin%3bx/users', '/', true],
  ['/;x/admin', '/', true],
  ['/;x;y//admin', '/', true],
  ['/%61dmin;x', '/', true],
  ['/;%2fx/admin', '/', true],
  ['/%3bx/admin', '/', true],
  ['/a;x=1/b;y', '/', false],
  ['/a;/admin', '/', false],
  ['/raw/a;x=1', '/raw', false],
  ['/raw/;x', '/raw', false],
] as const) {
  test(`${path} with a route for ${prefix} is ${isRefused ? 'refused' : 'taken'}`, (t) => {
    const matches = (other: string): boolean =>
      prefix === '/' ? !/^\/admin(?:\/|$)/.test(other) : other.startsWith(`${prefix}/`);
    t.is(isAmbiguous(path, prefix, matches), isRefused);
  });
}
