/** What a control plane is told of a Prometheus that asks who we are: what fits together, and what is refused at the start. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test from 'ava';
import { ConfigError } from '../../../../common/config/config-error.ts';
import { describeError } from '../../../../common/errors.ts';
import { controlPlaneSettings } from '../../../../control-plane/config/config.ts';
import {
  prometheusEndpoint,
  type PrometheusSettings,
} from '../../../../control-plane/server/endpoints/prometheus-endpoint.ts';
import { fileScope } from '../../../helpers/scope.ts';

const scope = fileScope();
const directory = mkdtempSync(path.join(tmpdir(), 'hauberk-endpoint-'));
scope.teardown(() => rmSync(directory, { recursive: true }));

function file(name: string, content: string): string {
  const at = path.join(directory, name);
  writeFileSync(at, content);
  return at;
}

const local = 'http://127.0.0.1:9090/';
const password = file('password', 'hunter:2\n');
const token = file('token', 'abc.DEF~1==\n');
const user = { prometheusUser: 'mesh', prometheusPasswordFile: password };

test('nothing is asked for unless it is named', (t) => {
  t.is(prometheusEndpoint({}), undefined);
  t.deepEqual(prometheusEndpoint({ prometheus: 'http://prometheus:9090/' })?.access(), {
    authorization: undefined,
    secureContext: undefined,
  });
});

test('a user is told as RFC 7617 has it, a token as RFC 6750 has it', (t) => {
  const basic = prometheusEndpoint({ prometheus: local, ...user })?.access().authorization;
  t.is(basic, `Basic ${Buffer.from('mesh:hunter:2').toString('base64')}`);
  const settings = { prometheus: 'https://prometheus/', prometheusTokenFile: token };
  t.is(prometheusEndpoint(settings)?.access().authorization, 'Bearer abc.DEF~1==');
});

test('a token that is replaced is in force with the next question', (t) => {
  const rotated = file('rotated', 'first');
  const endpoint = prometheusEndpoint({ prometheus: local, prometheusTokenFile: rotated });
  writeFileSync(rotated, 'second\n');
  t.is(endpoint?.access().authorization, 'Bearer second');
  writeFileSync(rotated, 'half of\na secret');
  const error = t.throws(() => endpoint?.access(), { instanceOf: ConfigError });
  t.false(describeError(error).includes('secret'), 'what is in the file is told to nobody');
});

for (const address of ['http://[::1]:9090/', 'http://localhost:9090/', 'https://prometheus/']) {
  test(`a password may go to ${address}`, (t) => {
    t.truthy(prometheusEndpoint({ prometheus: address, ...user })?.access().authorization);
  });
}

const REFUSED: readonly (readonly [string, PrometheusSettings, RegExp])[] = [
  ['a user without a Prometheus', user, /^--prometheus-user needs --prometheus beside it/],
  [
    'a user without a password',
    { prometheus: local, prometheusUser: 'mesh' },
    /^--prometheus-user needs --prometheus-password-file beside it/,
  ],
  [
    'a user and a token',
    { prometheus: local, ...user, prometheusTokenFile: token },
    /^--prometheus-user and --prometheus-token-file name two ways to sign in/,
  ],
  [
    'a password that others could read on the way',
    { prometheus: 'http://prometheus:9090/', ...user },
    /^--prometheus-user would be sent to http:\/\/prometheus:9090\/ unencrypted; name it with https:/,
  ],
  [
    'a token that others could read on the way',
    { prometheus: 'http://127.0.0.1.example/', prometheusTokenFile: token },
    /^--prometheus-token-file would be sent to/,
  ],
  [
    'an authority without TLS',
    { prometheus: local, prometheusCa: token },
    /^--prometheus-ca is for https/,
  ],
  [
    'an authority that is no certificate',
    { prometheus: 'https://prometheus/', prometheusCa: token },
    /^--prometheus-ca: expected certificates in PEM, got none/,
  ],
  [
    'a key that is none',
    { prometheus: 'https://prometheus/', prometheusCert: token, prometheusKey: token },
    /^the certificates for Prometheus cannot be used: .*; check --prometheus-ca/,
  ],
  [
    'a file that is not there',
    { prometheus: local, prometheusTokenFile: path.join(directory, 'none') },
    /^--prometheus-token-file does not exist/,
  ],
  [
    'an empty token',
    { prometheus: local, prometheusTokenFile: file('empty', '\n') },
    /^--prometheus-token-file: expected one word of ASCII/,
  ],
];

for (const [what, settings, sentence] of REFUSED) {
  test(`${what} is refused`, (t) => {
    const error = t.throws(() => prometheusEndpoint(settings), { instanceOf: ConfigError });
    t.regex(describeError(error), sentence);
    t.notRegex(describeError(error), /hunter|abc\.DEF/);
  });
}

test('a user has no colon, which would end its name', (t) => {
  const { type } = controlPlaneSettings.prometheusUser;
  t.is(type.parse('mesh'), 'mesh');
  t.false(type.safeParse('mesh:secret').success);
});
