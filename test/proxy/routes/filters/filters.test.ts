import test from 'ava';
import { modifyFields } from '../../../../proxy/routes/filters/modify-fields.ts';
import { redirectTo } from '../../../../proxy/routes/filters/redirect.ts';
import { changePath } from '../../../../proxy/routes/filters/rewrite.ts';

test('fields are set in their place, added last and removed, and the rest stays as it came', (t) => {
  const fields = [
    ['Accept', 'a'],
    ['x-env', 'one'],
    ['X-Env', 'two'],
    ['x-gone', 'g'],
    ['accept', 'b'],
  ] as const;
  const changed = modifyFields(fields, {
    set: [
      ['X-ENV', 'set'],
      ['x-new', 'n'],
    ],
    add: [['accept', 'c']],
    remove: ['x-gone', 'x-never'],
  });
  t.deepEqual(changed, [
    ['Accept', 'a'],
    ['X-ENV', 'set'],
    ['accept', 'b'],
    ['x-new', 'n'],
    ['accept', 'c'],
  ]);
});

// The table of the Gateway API, HTTPPathModifier.replacePrefixMatch.
for (const [path, prefix, replace, result] of [
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
  ['/foo/bar?a=/foo', '/foo', '/', '/bar?a=/foo'],
  ['/bar', '/', '/v2', '/v2/bar'],
] as const) {
  test(`the prefix ${prefix} of ${path} becomes ${JSON.stringify(replace)}`, (t) => {
    const change = { type: 'ReplacePrefixMatch', replacePrefixMatch: replace } as const;
    t.is(changePath(path, change, prefix), result);
  });
}

test('a full path is replaced, its query is not; what is no path stays', (t) => {
  const change = { type: 'ReplaceFullPath', replaceFullPath: '/x' } as const;
  t.is(changePath('/a/b?c=d', change, undefined), '/x?c=d');
  t.is(changePath('*', change, undefined), '*');
});

test('a redirect keeps what it does not change', (t) => {
  const request = { scheme: 'http', authority: 'web.shop:8080', target: '/a?b' } as const;
  const to = (...redirect: [Parameters<typeof redirectTo>[1]]) =>
    redirectTo(request, ...redirect, '/a');
  t.deepEqual(to({}), { status: 302, location: 'http://web.shop:8080/a?b' });
  t.deepEqual(to({ scheme: 'https', statusCode: 301 }), {
    status: 301,
    location: 'https://web.shop/a?b',
  });
  t.is(to({ scheme: 'https', port: 443 }).location, 'https://web.shop/a?b');
  t.is(to({ port: 80 }).location, 'http://web.shop/a?b');
  t.is(to({ hostname: 'other.example' }).location, 'http://other.example:8080/a?b');
  t.is(
    to({ path: { type: 'ReplacePrefixMatch', replacePrefixMatch: '/z' } }).location,
    'http://web.shop:8080/z?b',
  );
  t.is(redirectTo({ ...request, authority: '[::1]' }, {}, undefined).location, 'http://[::1]/a?b');
  t.is(
    redirectTo({ ...request, authority: '[::1]:81' }, {}, undefined).location,
    'http://[::1]:81/a?b',
  );
});
