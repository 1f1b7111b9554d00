/**
 * Rules about requests as a table: a document, what is decided about connections of two callers to api.shop:8080,
 * and about requests on them. Each cell is written by hand.
 *
 *     A  allowed                                  R  denied-rule
 *     w  allowed, a rule only audits              C  denied-caller
 *     P  the connection is allowed, each of its   Q  denied-request
 *        requests is decided about                D  denied-default
 *                                                T  denied-trust-domain
 */
import test from 'ava';
import { authorize, requestAuthorizer } from '../../../common/authorization/authorize.ts';
import {
  decide,
  decideRequest,
  type Identity,
  rulesAt,
} from '../../../common/authorization/decide.ts';
import { localPolicy } from '../../../common/authorization/local-policy.ts';
import type { HttpRequest } from '../../../common/authorization/request-condition.ts';
import { readMeshConfig } from '../../../common/mesh-config/read-mesh-config.ts';
import { requestPath } from '../../../common/routes/path-match.ts';
import { readPolicy, toPolicyMessage } from '../../../common/wire/policy.ts';
import { NO_EGRESS } from '../../../common/authorization/egress.ts';
import { NO_ROUTES } from '../../../common/routes/backend-policy.ts';

const destination: Identity = { trustDomain: 'mesh.local', namespace: 'shop', service: 'api' };
const CALLERS = {
  web: { trustDomain: 'mesh.local', namespace: 'shop', service: 'web' },
  job: { trustDomain: 'mesh.local', namespace: 'shop', service: 'job' },
  partner: { trustDomain: 'partner.example', namespace: 'shop', service: 'web' },
} as const;

const LETTERS: Readonly<Record<string, string>> = {
  'denied-rule': 'R',
  'denied-caller': 'C',
  'denied-request': 'Q',
  'denied-default': 'D',
  'denied-trust-domain': 'T',
};

/** What requests are asked about: `GET /orders`, or `-` for a connection that carries no HTTP. */
const COLUMNS = ['connect', 'GET /orders', 'GET /orders/7', 'POST /orders', 'GET /ordersX', '-'];

interface Table {
  readonly name: string;
  readonly allow: 'mesh' | 'none';
  readonly rules: readonly string[];
  readonly outcomes: Readonly<Partial<Record<keyof typeof CALLERS, string>>>;
}

const READ = 'methods: [GET], paths: [{type: PathPrefix, value: /orders}]';

const TABLES: readonly Table[] = [
  {
    name: 'an allow rule about requests closes the port to all else',
    allow: 'mesh',
    rules: [`{name: a, action: allow, from: [web], to: [api], ${READ}}`],
    outcomes: { web: 'P A A Q Q Q', job: 'C C C C C C', partner: 'T T T T T T' },
  },
  {
    name: 'with none by default',
    allow: 'none',
    rules: [`{name: a, action: allow, from: [web], to: [api], ${READ}}`],
    outcomes: { web: 'P A A Q Q Q', job: 'C C C C C C' },
  },
  {
    name: 'an exact path',
    allow: 'mesh',
    rules: [
      '{name: a, action: allow, from: [web], to: [api], paths: [{type: Exact, value: /orders}]}',
    ],
    outcomes: { web: 'P A Q A Q Q' },
  },
  {
    name: 'two allow rules add up, and one about connections needs no request',
    allow: 'none',
    rules: [
      `{name: a, action: allow, from: [web, job], to: [api], ${READ}}`,
      '{name: b, action: allow, from: [web], to: [api], methods: [POST]}',
      '{name: c, action: allow, from: [job], to: [api]}',
    ],
    outcomes: { web: 'P A A A Q Q', job: 'A A A A A A' },
  },
  {
    name: 'a deny rule about requests refuses them, and what is no HTTP',
    allow: 'mesh',
    rules: ['{name: d, action: deny, from: ["*"], to: [api], methods: [POST]}'],
    outcomes: { web: 'P A A R A R', job: 'P A A R A R', partner: 'T T T R T R' },
  },
  {
    name: 'a deny rule counts more than any that allows',
    allow: 'none',
    rules: [
      '{name: a, action: allow, from: [web], to: [api]}',
      `{name: d, action: deny, from: [web], to: [api], ${READ}}`,
    ],
    outcomes: { web: 'P R R A A R', job: 'C C C C C C' },
  },
  {
    name: 'a deny rule about the connection ends it before any request',
    allow: 'mesh',
    rules: [
      `{name: a, action: allow, from: [web], to: [api], ${READ}}`,
      '{name: d, action: deny, from: [web], to: [api]}',
    ],
    outcomes: { web: 'R R R R R R' },
  },
  {
    name: 'a rule that only audits refuses nothing',
    allow: 'mesh',
    rules: [`{name: d, action: deny, from: [web], to: [api], audit: true, ${READ}}`],
    outcomes: { web: 'P w w A A w', job: 'A A A A A A' },
  },
  {
    name: 'an allow rule that only audits counts what it would refuse',
    allow: 'mesh',
    rules: [`{name: a, action: allow, from: [web], to: [api], audit: true, ${READ}}`],
    outcomes: { web: 'P A A w w w', job: 'w w w w w w' },
  },
  {
    name: 'a rule about another port is about nothing here',
    allow: 'mesh',
    rules: [`{name: a, action: allow, from: [web], to: [api], ports: [9090], ${READ}}`],
    outcomes: { web: 'A A A A A A', job: 'A A A A A A' },
  },
  {
    name: 'a caller of another trust domain, named in full',
    allow: 'mesh',
    rules: [
      `{name: p, action: allow, from: ["spiffe://partner.example/ns/shop/sa/web"], to: [api], ${READ}}`,
    ],
    outcomes: { partner: 'P A A Q Q Q', web: 'C C C C C C' },
  },
  {
    name: 'one that only audits opens nothing more to a caller of another trust domain',
    allow: 'mesh',
    rules: [
      `{name: p, action: allow, from: ["spiffe://partner.example/ns/shop/sa/web"], to: [api], audit: true, ${READ}}`,
    ],
    outcomes: { partner: 'P A A Q Q Q', web: 'w w w w w w' },
  },
];

function httpOf(column: string): HttpRequest | undefined {
  const [method = '', target] = column.split(' ');
  return target === undefined ? undefined : { method, path: requestPath(target) };
}

for (const { name, allow, rules, outcomes } of TABLES) {
  const text = `authorization:\n  allow: ${allow}\n  namespace: shop\n  rules:\n${rules.map((rule) => `    - ${rule}\n`).join('')}`;
  const policy = readMeshConfig(text, 'mesh.yaml').authorization;
  for (const [caller, row] of Object.entries(outcomes)) {
    test(`${name}: ${caller}`, (t) => {
      const source = CALLERS[caller as keyof typeof CALLERS];
      const asked = { source, destination, port: 8080 };
      for (const [at, letter] of row.split(' ').entries()) {
        const column = COLUMNS[at] ?? '';
        const decision =
          at === 0 ? decide(policy, asked) : decideRequest(rulesAt(policy, asked), httpOf(column));
        const shown = !decision.allowed
          ? LETTERS[decision.reason]
          : decision.perRequest
            ? 'P'
            : decision.audited.length > 0
              ? 'w'
              : 'A';
        t.is(shown, letter, `${column}: ${JSON.stringify(decision)}`);
      }
    });
  }
}

const rulesOf = (...rules: string[]) =>
  readMeshConfig(
    `authorization: {allow: none, namespace: shop, rules: [${rules.join(', ')}]}`,
    'mesh.yaml',
  ).authorization;
const web = { source: CALLERS.web, destination, port: 8080 };

test('a gRPC service is all of its methods, and no other service', (t) => {
  const policy = rulesOf(
    '{name: g, action: allow, from: [web], to: [api], grpcServices: [shop.Orders]}',
  );
  const may = (path: string): boolean =>
    decideRequest(rulesAt(policy, web), { method: 'POST', path }).allowed;
  t.true(may('/shop.Orders/Get'));
  for (const path of [
    '/shop.OrdersAdmin/Get',
    '/shop.Order/Get',
    '/shop.orders/Get',
    '/x/shop.Orders/Get',
  ]) {
    t.false(may(path), path);
  }
});

test('other spellings of a path are that path, and what may be another is neither allowed nor safe', (t) => {
  const allow = rulesOf(
    '{name: a, action: allow, from: [web], to: [api], paths: [{type: PathPrefix, value: /public}]}',
  );
  const deny = rulesOf(
    '{name: b, action: allow, from: [web], to: [api]}',
    '{name: d, action: deny, from: [web], to: [api], paths: [{type: PathPrefix, value: /admin}]}',
  );
  const may = (policy: typeof allow, target: string): boolean =>
    decideRequest(rulesAt(policy, web), { method: 'GET', path: requestPath(target) }).allowed;
  t.true(may(allow, '/public/x?y'));
  t.true(may(allow, '/%70ublic/x'));
  for (const target of [
    '/public/../admin',
    '/public/%2e%2e/admin',
    '/public/..%2fadmin',
    '//public',
    '*',
  ]) {
    t.false(may(allow, target), target);
  }
  t.true(may(deny, '/'));
  for (const target of [
    '/admin',
    '/%61dmin/x',
    '//admin',
    '/x/../admin',
    '/x/%2e./admin',
    '/x%5c..%5cadmin',
    '/admin;x',
    '/admin%3bx=1/y',
    '/admin;a;b/x',
    '/;x/admin',
    '/;/;x/admin/y',
  ]) {
    t.false(may(deny, target), target);
  }
});

test('what follows a `;` hides no path from what denies, and opens none to what allows', (t) => {
  const match = (action: string, type: string): string =>
    `{name: ${action}, action: ${action}, from: [web], to: [api], paths: [{type: ${type}, value: /a/b}]}`;
  const everything = '{name: all, action: allow, from: [web], to: [api]}';
  const may = (policy: ReturnType<typeof rulesOf>, path: string): boolean =>
    decideRequest(rulesAt(policy, web), { method: 'POST', path }).allowed;
  for (const type of ['Exact', 'PathPrefix']) {
    const [deny, allow] = [rulesOf(everything, match('deny', type)), rulesOf(match('allow', type))];
    for (const path of ['/a/b;x', '/a;x/b', '/a;x/b;y']) {
      t.false(may(deny, path), `${type} denies ${path}`);
      t.false(may(allow, path), `${type} does not allow ${path}`);
    }
    t.true(may(deny, '/a/bc;x'), 'another path');
    t.true(may(deny, '/c;x/a/b'), 'another path');
  }
  const grpc = '{name: g, action: deny, from: [web], to: [api], grpcServices: [shop.Orders]}';
  t.false(may(rulesOf(everything, grpc), '/shop.Orders;x/Get'));
});

test('--allow and the rules of the mesh must both allow, and the log names the rule', (t) => {
  const mesh = rulesOf('{name: read, action: allow, from: [web, job], to: [api], methods: [GET]}');
  const local = localPolicy([{ port: 8080, namespace: 'shop', service: 'web' }]);
  const policies = { mesh, local };
  const get = { method: 'GET', path: '/' };
  t.deepEqual(authorize(web, policies), { allowed: true, audited: [], perRequest: true });
  t.deepEqual(requestAuthorizer(web, policies)(get), {
    allowed: true,
    audited: [],
    perRequest: false,
  });
  t.deepEqual(requestAuthorizer(web, policies)({ ...get, method: 'PUT' }), {
    allowed: false,
    reason: 'denied-request',
    why: 'the rule read allows the caller other requests only',
    rules: ['read'],
  });
  const job = { ...web, source: CALLERS.job };
  t.like(requestAuthorizer(job, policies)(get), { allowed: false, reason: 'denied-caller' });
  t.like(requestAuthorizer(web, { mesh: undefined, local })(get), { reason: 'denied-no-policy' });
});

test('rules about requests travel whole, under a level that older sidecars refuse', (t) => {
  const policy = rulesOf(
    `{name: a, action: allow, from: [web], to: [api], ${READ}}`,
    '{name: g, action: deny, from: [web], to: [api], grpcServices: [shop.Orders]}',
  );
  const mesh = { configVersion: 3, policy, egress: NO_EGRESS, routes: NO_ROUTES };
  const message = toPolicyMessage(mesh);
  t.is(message.level, 4);
  t.deepEqual(readPolicy(message).policy, policy);
  t.is(toPolicyMessage({ ...mesh, policy: { ...policy, rules: [] } }).level, 1);
  t.throws(() => readPolicy({ ...message, level: 1 }), { message: /level 4/ });
  t.throws(() => readPolicy({ ...message, level: 5 }), { message: /a level up to 4/ });
  const [first] = message.rules;
  if (first === undefined) return t.fail();
  for (const path of [
    { type: 'Prefix', value: '/' },
    { type: 'Exact', value: '/a/../b' },
  ]) {
    const spoilt = { ...message, rules: [{ ...first, paths: [path] }] };
    t.throws(() => readPolicy(spoilt), { message: /expected a policy/ });
  }
});
