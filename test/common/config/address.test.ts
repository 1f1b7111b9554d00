import test from 'ava';
import {
  parseAllow,
  parseExpose,
  parseHostPort,
  parseUpstream,
} from '../../../common/config/address.ts';

test('host and port are read, IPv6 in brackets', (t) => {
  t.deepEqual(parseHostPort('control-plane:15012'), { host: 'control-plane', port: 15012 });
  t.deepEqual(parseHostPort('127.0.0.1:1'), { host: '127.0.0.1', port: 1 });
  t.deepEqual(parseHostPort('[::1]:65535'), { host: '::1', port: 65535 });
  t.deepEqual(parseHostPort('127.0.0.1:0', 0), { host: '127.0.0.1', port: 0 });
});

for (const text of [
  '',
  'host',
  'host:',
  ':80',
  'host:0',
  'host:65536',
  'host:1e3',
  '::1:80',
  '[::1]',
  '[host]:80',
  '300.1.1.1:80',
  'a b:80',
  'a:80:90',
  'host:-1',
  'a/b:80',
]) {
  test(`"${text}" is not a host and port`, (t) => {
    const error = t.throws(() => parseHostPort(text), { name: 'ConfigError' });
    t.regex(error.message, /^expected .*, got "/);
  });
}

test('an upstream says where to listen and which service it is for', (t) => {
  t.deepEqual(parseUpstream('127.0.0.1:9000=api:8080'), {
    listen: { host: '127.0.0.1', port: 9000 },
    service: 'api',
    namespace: undefined,
    port: 8080,
  });
  t.deepEqual(parseUpstream('[::1]:0=api.shop:8080'), {
    listen: { host: '::1', port: 0 },
    service: 'api',
    namespace: 'shop',
    port: 8080,
  });
  t.deepEqual(parseUpstream('9000=api:80').listen, { host: '127.0.0.1', port: 9000 });
});

for (const text of [
  '',
  'api:8080',
  '9000=api',
  '9000=api:0',
  '9000=API:80',
  '9000=a.b.c:80',
  '9000=:80',
  '=api:80',
  '9000=api.:80',
  '9000=api:80=x',
  'x=api:80',
]) {
  test(`"${text}" is not an upstream`, (t) => {
    t.throws(() => parseUpstream(text), { name: 'ConfigError' });
  });
}

test('an exposed port says where the application listens', (t) => {
  const local = { port: 8080, target: { host: '127.0.0.1', port: 8080 } };
  t.deepEqual(parseExpose('8080'), local);
  t.deepEqual(parseExpose('8080=127.0.0.1:8080'), local);
  t.deepEqual(parseExpose('80=3000').target, { host: '127.0.0.1', port: 3000 });
  t.deepEqual(parseExpose('80=[::1]:3000').target, { host: '::1', port: 3000 });
});

for (const text of ['', '0', '80=', '=80', '80=x', '80=1=2', '70000', 'http', '80=127.0.0.1:0']) {
  test(`"${text}" is not an exposed port`, (t) => {
    t.throws(() => parseExpose(text), { name: 'ConfigError' });
  });
}

test('an allowance names a port and a service', (t) => {
  t.deepEqual(parseAllow('2379=client'), { port: 2379, service: 'client', namespace: undefined });
  t.deepEqual(parseAllow('2379=client.shop'), { port: 2379, service: 'client', namespace: 'shop' });
});

for (const text of [
  '',
  '2379',
  '2379=',
  '=client',
  '0=client',
  '2379=*',
  '2379=a.b.c',
  'x=client',
]) {
  test(`"${text}" is not an allowance`, (t) => {
    t.throws(() => parseAllow(text), { name: 'ConfigError' });
  });
}
