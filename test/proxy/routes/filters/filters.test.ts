import test from 'ava';
import type { PathModifier, RequestRedirect, RouteMatch } from '../../../../common/routes/route.ts';
import { changePath } from '../../../../proxy/routes/filters/change-path.ts';
import { modifyFields } from '../../../../proxy/routes/filters/modify-fields.ts';
import { redirectLocation } from '../../../../proxy/routes/filters/redirect.ts';

function below(value: string): RouteMatch {
  return { path: { type: 'PathPrefix', value }, headers: [], queryParams: [] };
}

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
      { name: 'x-env', value: 'set' },
      { name: 'x-new', value: 'n' },
    ],
    add: [{ name: 'x-more', value: 'c' }],
    remove: ['x-gone', 'x-never'],
  });
  t.deepEqual(changed, [
    ['Accept', 'a'],
    ['x-env', 'set'],
    ['accept', 'b'],
    ['x-new', 'n'],
    ['x-more', 'c'],
  ]);
});

for (const [target, prefix, value, result] of [
  ['/foo/bar', '/foo', '/xyz', '/xyz/bar'],
  ['/foo/bar?a=/foo', '/foo', '/', '/bar?a=/foo'],
  ['/foo?', '/foo', '/', '/?'],
  ['/%66oo/b%61r', '/foo', '/xyz', '/xyz/bar'],
  ['/bar', '/', '/v2', '/v2/bar'],
] as const) {
  test(`the prefix ${prefix} of ${target} becomes ${value}`, (t) => {
    t.is(changePath(target, { type: 'ReplacePrefixMatch', value }, below(prefix)), result);
  });
}

test('a full path is replaced, its query is not; what is no path stays', (t) => {
  const change: PathModifier = { type: 'ReplaceFullPath', value: '/x' };
  t.is(changePath('/a/b?c=d', change, below('/')), '/x?c=d');
  t.is(changePath('*', change, below('/')), '*');
});

test('a redirect keeps what it does not change', (t) => {
  const request = { scheme: 'http', authority: 'web.shop:8080', target: '/a?b' } as const;
  const to = (redirect: Omit<RequestRedirect, 'statusCode'>, authority: string = 'web.shop:8080') =>
    redirectLocation({ ...request, authority }, { statusCode: 302, ...redirect }, below('/a'));
  t.is(to({}), 'http://web.shop:8080/a?b');
  t.is(to({ scheme: 'https' }), 'https://web.shop/a?b');
  t.is(to({ scheme: 'https', port: 443 }), 'https://web.shop/a?b');
  t.is(to({ port: 80 }), 'http://web.shop/a?b');
  t.is(to({ hostname: 'other.example' }), 'http://other.example:8080/a?b');
  t.is(to({ path: { type: 'ReplacePrefixMatch', value: '/z' } }), 'http://web.shop:8080/z?b');
  t.is(to({}, '[::1]'), 'http://[::1]/a?b');
  t.is(to({}, '[::1]:81'), 'http://[::1]:81/a?b');
});
