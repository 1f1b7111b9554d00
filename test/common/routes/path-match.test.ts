/** The one way to write a path, what a prefix matches, and what it becomes. */
import test from 'ava';
import fc from 'fast-check';
import { matchesPath, replacePrefix, requestPath } from '../../../common/routes/path-match.ts';
import { prefix } from './sample-routes.ts';

test('a path is written in one way, whichever it came in', (t) => {
  const cases = [
    ['/', '/'],
    ['/a/b/', '/a/b/'],
    ['/a?b=/../c', '/a'],
    ['/%61%7e%2D%40', '/a~-@'],
    ['/caf%c3%a9', '/caf%C3%A9'],
    ['/caf\xc3\xa9', '/caf%C3%A9'],
    ['/a%2561', '/a%2561'],
    ['/a%20b"c', '/a%20b%22c'],
    ['/a/.well-known/x..y/...', '/a/.well-known/x..y/...'],
    ['*', '*'],
    ['', ''],
  ] as const;
  for (const [target, path] of cases) t.is(requestPath(target), path, target);
});

test('a path that servers read in several ways has none', (t) => {
  const odd = [
    '/..',
    '/a/./b',
    '/a/..',
    '/%2e%2e/a',
    '/.%2E',
    '/a/..;x=1/b',
    '/a//b',
    '//',
    '/a\\b',
  ];
  const escaped = [
    '/raw/..%2fadmin',
    '/a%2Fb',
    '/a%5cb',
    '/a%00',
    '/a%0d%0ab',
    '/a%7f',
    '/a%',
    '/%c0%ae%C0%AE/a',
    '/a%c1%9cb',
    '/\xc0\xaf',
    '/%zz',
  ];
  for (const target of [...odd, ...escaped]) t.is(requestPath(target), undefined, target);
});

test('what is written in one way stays, and decodes to the same', (t) => {
  const part = fc.oneof(
    fc.constantFrom('a', '/', '.', '%', ';', '\\', '%2', '%2f', '%61', '%C3%a9', '~', '\xe9'),
    fc.string({ maxLength: 3 }).filter((text) => !/[^\0-\xff]|\?/.test(text)),
  );
  const target = fc.array(part, { maxLength: 8 }).map((parts) => `/${parts.join('')}`);
  const decode = (path: string): string => Buffer.from(unescape(path), 'latin1').toString('hex');
  const unescape = (path: string): string =>
    path.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
  fc.assert(
    fc.property(target, (given) => {
      const path = requestPath(given);
      if (path === undefined) return;
      t.is(requestPath(path), path);
      t.is(decode(path), decode(given));
      t.notRegex(unescape(path), /\/\/|\/\.{1,2}(?:\/|$)|\\/);
    }),
    { numRuns: 5_000 },
  );
});

test('a prefix is of whole segments', (t) => {
  for (const value of ['/abc', '/abc/']) {
    for (const path of ['/abc', '/abc/', '/abc/def'])
      t.true(matchesPath(prefix(value), path), path);
    for (const path of ['/', '/abcd', '/ab', '/ABC', '/x/abc']) {
      t.false(matchesPath(prefix(value), path), path);
    }
  }
  for (const path of ['/', '/x', '*']) t.true(matchesPath(prefix('/'), path));
});

test('HTTPPathModifier: what becomes of a prefix', (t) => {
  const cases = [
    ['/foo/bar', '/foo', '/xyz', '/xyz/bar'],
    ['/foo/bar', '/foo', '/xyz/', '/xyz/bar'],
    ['/foo/bar', '/foo/', '/xyz', '/xyz/bar'],
    ['/foo/bar', '/foo/', '/xyz/', '/xyz/bar'],
    ['/foo', '/foo', '/xyz', '/xyz'],
    ['/foo/', '/foo', '/xyz', '/xyz/'],
    ['/foo/bar', '/foo', '', '/bar'],
    ['/foo/', '/foo', '', '/'],
    ['/foo', '/foo', '', '/'],
    ['/foo/', '/foo', '/', '/'],
    ['/foo', '/foo', '/', '/'],
    ['/bar', '/', '/xyz', '/xyz/bar'],
    ['/', '/', '/xyz', '/xyz/'],
  ] as const;
  for (const [path, from, to, expected] of cases) {
    t.is(replacePrefix(path, from, to), expected, `${path} with ${from} by ${to}`);
  }
});
