/** docs/authorization.md: its example is a document that decides as the page says, its table is the schema's. */
import test from 'ava';
import { decide, decideRequest, rulesAt } from '../../common/authorization/decide.ts';
import { AUTHORIZATION_KEYS } from '../../common/mesh-config/authorization.ts';
import { readMeshConfig } from '../../common/mesh-config/read-mesh-config.ts';
import { requestPath } from '../../common/routes/path-match.ts';
import { sectionOf, tableOf } from './markdown.ts';

test('the example of docs/authorization.md decides as it says', (t) => {
  const [, example = ''] =
    /```yaml\n([^]*?)```/.exec(sectionOf('authorization.md', 'In five minutes')) ?? [];
  const policy = readMeshConfig(example, 'mesh.yaml').authorization;
  const may = (from: string, to: string, port: number, namespace = 'shop'): boolean =>
    decide(policy, {
      source: { trustDomain: 'mesh.local', namespace, service: from },
      destination: { trustDomain: 'mesh.local', namespace: 'shop', service: to },
      port,
    }).allowed;
  t.true(may('web', 'api', 8080));
  t.false(may('web', 'api', 9090));
  t.false(may('web', 'db', 5432));
  t.true(may('api', 'db', 5432));
  t.true(may('backup-nightly', 'db', 5432, 'ops'));
  t.false(may('backup-nightly', 'db', 5432, 'shop'));
});

test('the example of rules about requests decides as it says', (t) => {
  const [, example = ''] =
    /```yaml\n([^]*?)```/.exec(sectionOf('authorization.md', 'Rules about requests')) ?? [];
  const policy = readMeshConfig(example, 'mesh.yaml').authorization;
  const at = (service: string) => ({
    source: { trustDomain: 'mesh.local', namespace: 'shop', service },
    destination: { trustDomain: 'mesh.local', namespace: 'shop', service: 'api' },
    port: 8080,
  });
  t.like(decide(policy, at('web')), { allowed: true, perRequest: true });
  t.like(decide(policy, at('checkout')), { allowed: true, perRequest: false });
  t.like(decide(policy, at('other')), { allowed: false, reason: 'denied-caller' });
  const ask = (method: string, target: string) =>
    decideRequest(rulesAt(policy, at('web')), { method, path: requestPath(target) });
  for (const target of ['/orders', '/orders/', '/orders/7', '/%6Frders?page=2']) {
    t.true(ask('GET', target).allowed, target);
    t.like(ask('POST', target), { allowed: false, reason: 'denied-request' }, target);
  }
  t.true(ask('HEAD', '/orders').allowed);
  for (const target of ['/orders-archive', '/', '/orders/../admin', '//orders', '/orders%2f7']) {
    t.like(ask('GET', target), { allowed: false, reason: 'denied-request' }, target);
  }
});

test('docs/authorization.md says which letters and slashes a path is compared with', (t) => {
  const text = sectionOf('authorization.md', 'Rules about requests').replaceAll(/\s+/g, ' ');
  t.regex(text, /denies `\/admin` denies neither `\/admin\/` nor `\/Admin`/);
  t.regex(text, /a `PathPrefix` of `\/admin` denies `\/admin\/` but not `\/Admin`/);
  const rulesWith = (type: string) => {
    const rules = `[{name: all, action: allow, from: [web], to: [api]}, {name: d, action: deny, from: [web], to: [api], paths: [{type: ${type}, value: /admin}]}]`;
    const document = `authorization: {allow: none, namespace: shop, rules: ${rules}}`;
    const policy = readMeshConfig(document, 'mesh.yaml').authorization;
    return rulesAt(policy, {
      source: { trustDomain: 'mesh.local', namespace: 'shop', service: 'web' },
      destination: { trustDomain: 'mesh.local', namespace: 'shop', service: 'api' },
      port: 8080,
    });
  };
  const denied = (type: string): string[] =>
    ['/admin', '/admin?x', '/%61dmin', '/admin;x', '/admin/', '/Admin', '/ADMIN/'].filter(
      (target) =>
        !decideRequest(rulesWith(type), { method: 'GET', path: requestPath(target) }).allowed,
    );
  const same = ['/admin', '/admin?x', '/%61dmin', '/admin;x'];
  t.deepEqual(denied('Exact'), same);
  t.deepEqual(denied('PathPrefix'), [...same, '/admin/']);
});

test('docs/authorization.md explains every key of a rule', (t) => {
  const explained = tableOf('authorization.md', 'Rules').map(([key]) => key);
  const section = new Set(['allow', 'namespace', 'rules']);
  t.deepEqual(
    explained.toSorted(),
    AUTHORIZATION_KEYS.filter((key) => !section.has(key)).toSorted(),
  );
});
