/** What a service is told of a client, and what a client cannot say of itself: in fields and in trailers. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import test from 'ava';
import { FieldNames, IDENTITY_FIELDS } from '../../../../proxy/http/fields/identity-fields.ts';
import { requestFields } from '../../../../proxy/http/fields/request-fields.ts';
import { requestTrailers, responseTrailers } from '../../../../proxy/http/fields/trailers.ts';
import type { Field } from '../../../../proxy/http/message.ts';

const identity = new FieldNames(IDENTITY_FIELDS);
const client = { address: '192.0.2.1', certificate: undefined };

for (const name of [
  'X-Forwarded-For',
  'x-forwarded-anything',
  'X_Forwarded_For',
  'X-Forwarded_Proto',
  'Forwarded',
  'X-Real-IP',
  'X-Forwarded-Client-Cert',
  'True-Client-IP',
  'Proxy-Client-IP',
  'WL-Proxy-Client-IP',
  'X_Remote_Addr',
  'x-scheme',
  'Front-End-Https',
  'CF-Connecting-IPv6',
  'Client-Cert-Chain',
  'X-SSL-Client-Verify',
  'Ssl-Client-Subject-Dn',
  'X-Client-Cert',
  'X-Original-URL',
  'X-Envoy-Internal',
  'Remote_User',
  'X-Auth-Request-Email',
  'X-MS-CLIENT-PRINCIPAL-NAME',
  'x-goog-authenticated-user-email',
  'X-Amzn-Oidc-Identity',
  'l5d-client-id',
  'Proxy',
]) {
  test(`taken off: ${name}`, (t) => {
    t.true(identity.has(name));
    const fields: Field[] = [[name, 'forged']];
    const passed = requestFields({ fields, scheme: 'https' }, identity, client);
    t.deepEqual(passed, [
      ['X-Forwarded-For', '192.0.2.1'],
      ['X-Forwarded-Proto', 'https'],
    ]);
  });
}

for (const name of [
  'X-Request-Id',
  'X-Forward',
  'Via',
  'Origin',
  'X-Client-Version',
  'Authorization',
]) {
  test(`passed: ${name}`, (t) => t.false(identity.has(name)));
}

test('fields keep their order, their names and their bytes', (t) => {
  const fields: Field[] = [
    ['X-B', '\u00e6\u00bc\u008f'],
    ['x-a', ''],
    ['X-B', 'again'],
    ['Proxy-Authorization', 'secret'],
  ];
  const certificate = 'Hash=00';
  const passed = requestFields({ fields, scheme: 'http' }, identity, { ...client, certificate });
  t.deepEqual(passed.slice(0, 3), fields.slice(0, 3));
  t.deepEqual(passed.at(-1), ['X-Forwarded-Client-Cert', 'Hash=00']);
  t.is(passed.length, 6);
});

test('a route can name more', (t) => {
  const more = new FieldNames([...IDENTITY_FIELDS, 'X-User', 'X-Group-*']);
  for (const name of ['x-user', 'X_User', 'x-group-a']) t.true(more.has(name), name);
  t.false(identity.has('x-user'));
});

test('names that clients make up do not grow without end', (t) => {
  const names = new FieldNames(['x-a']);
  for (let at = 0; at < 10_000; at += 1) t.false(names.has(`x-${at}`));
  t.true(names.has('X-A'));
});

test('a name is recognised whatever its length', (t) => {
  for (const length of [63, 64, 65, 32_000]) {
    const rest = 'x'.repeat(length - 'x-forwarded-'.length);
    for (const again of ['first', 'again']) {
      t.true(identity.has(`X_Forwarded-${rest}`), `${length} ${again}`);
      t.false(identity.has(`Y_Forwarded-${rest}`), `${length} ${again}`);
    }
  }
});

test('names that a client makes long are not remembered', (t) => {
  const names = new FieldNames(IDENTITY_FIELDS);
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;
  collectGarbage();
  const before = process.memoryUsage().heapUsed;
  // Of one node each, as a name is that was read.
  for (let at = 0; at < 2_000; at += 1) {
    t.false(names.has(Buffer.alloc(32_000, `n${at}-`).toString('latin1')));
  }
  collectGarbage();
  const kept = process.memoryUsage().heapUsed - before;
  t.true(kept < 16_000_000, `${kept} bytes of 64 MB`);
  t.true(names.has('forwarded'), 'and it is in use until here');
});

test('trailers that would change how a message is read are left out', (t) => {
  const trailers: Field[] = [
    ['X-Sum', '1'],
    ['Content-Length', '5'],
    ['transfer-encoding', 'chunked'],
    ['Authorization', 'forged'],
    ['Set-Cookie', 'a=b'],
    ['grpc-status', '0'],
  ];
  t.deepEqual(responseTrailers(trailers), [trailers[0], trailers[5]]);
  t.deepEqual(requestTrailers(trailers), [trailers[0], trailers[5]]);
});

test('a client cannot name an identity in trailers either; a service may say what it wants', (t) => {
  const trailers: Field[] = [
    ['x_forwarded_client_cert', 'forged'],
    ['X-Sum', '1'],
    ['X-User', 'root'],
  ];
  t.deepEqual(responseTrailers(trailers), trailers);
  t.deepEqual(requestTrailers(trailers), [trailers[1], trailers[2]]);
  const more = new FieldNames([...IDENTITY_FIELDS, 'X-User']);
  t.deepEqual(requestTrailers(trailers, more), [trailers[1]]);
});
