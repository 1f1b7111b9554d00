/** Mistakes in the gateway's file are named with their place, what was expected and what came. */
import test from 'ava';
import { ConfigError } from '../../../common/config/config-error.ts';
import { readYamlDocument } from '../../../common/config/yaml-document.ts';
import { GATEWAY_FILE_SCHEMA } from '../../../proxy/gateway/config/gateway-file.ts';

function read(text: string) {
  return readYamlDocument({ text, name: 'gateway.yaml' }, GATEWAY_FILE_SCHEMA);
}

const TCP = '{name: a, listen: "127.0.0.1:0", protocol: TCP, backend: "db:5432"}';
const HTTP = (route: string): string =>
  `listeners:\n  - name: a\n    listen: 127.0.0.1:80\n    protocol: HTTP\n    routes:\n      - ${route}\n`;

const MISTAKES: readonly (readonly [what: string, text: string, message: string])[] = [
  ['no YAML', 'listeners: [', 'gateway.yaml:1:13: '],
  ['an unknown tag', 'listeners: !!js/function "x"', 'gateway.yaml:1:12: this is not valid YAML: '],
  ['an empty file', '', 'gateway.yaml:1:1: expected a mapping, got nothing'],
  ['no listeners', 'service: edge', 'gateway.yaml:1:1: listeners: expected a list, got nothing'],
  ['an empty list', 'listeners: []', 'gateway.yaml:1:1: listeners: expected at least one'],
  [
    'an unknown protocol',
    'listeners:\n  - {name: a, listen: "127.0.0.1:0", protocol: UDP}',
    'gateway.yaml:2:38: listeners[0].protocol: expected one of TCP, TLS, HTTP, HTTPS, got "UDP"',
  ],
  [
    'a key that is misspelt',
    'listeners:\n  - {name: a, listen: "127.0.0.1:0", protocol: TCP, backnd: "db:1", backend: "db:1"}',
    'gateway.yaml:2:53: listeners[0]: the key "backnd" is unknown; did you mean backend?',
  ],
  [
    'no backend',
    'listeners:\n  - {name: a, listen: "127.0.0.1:0", protocol: TCP}',
    'gateway.yaml:2:5: listeners[0].backend: expected SERVICE[.NAMESPACE]:PORT as in api:8080, got nothing',
  ],
  [
    'a backend without a port',
    HTTP('{backend: api}'),
    'gateway.yaml:6:10: listeners[0].routes[0].backend: expected SERVICE[.NAMESPACE]:PORT as in api:8080, or https://HOST[:PORT] for a server outside, got "api"',
  ],
  [
    'a server outside in plaintext',
    HTTP("{backend: 'http://example.com:80'}"),
    'gateway.yaml:6:10: listeners[0].routes[0].backend: expected SERVICE[.NAMESPACE]:PORT as in api:8080, or https://HOST[:PORT] for',
  ],
  [
    'a server outside with a path',
    HTTP("{backend: 'https://example.com/api'}"),
    'gateway.yaml:6:10: listeners[0].routes[0].backend: expected SERVICE[.NAMESPACE]:PORT as in api:8080, or https://HOST[:PORT] for',
  ],
  [
    'HTTP/2 without TLS to a server outside',
    HTTP("{backend: 'https://example.com', appProtocol: h2c}"),
    'gateway.yaml:6:42: listeners[0].routes[0].appProtocol: expected http for a backend outside, which is spoken to in TLS',
  ],
  [
    'a host that is not kept for a service',
    HTTP("{backend: 'a:1', preserveHost: false}"),
    'gateway.yaml:6:26: listeners[0].routes[0].preserveHost: expected only with a backend outside, as in https://HOST',
  ],
  [
    'a port that does not exist',
    HTTP("{backend: 'api:70000'}"),
    'gateway.yaml:6:10: listeners[0].routes[0].backend: expected a port from 1 to 65535, got "70000"',
  ],
  [
    'a listener without a port',
    `listeners:\n  - ${TCP.replace(':0', '')}`,
    'gateway.yaml:2:15: listeners[0].listen: expected HOST:PORT',
  ],
  [
    'the same name twice',
    `listeners:\n  - ${TCP}\n  - ${TCP}`,
    'gateway.yaml:3:5: listeners[1]: the name a is taken by a listener above',
  ],
  [
    'the same address twice',
    `listeners:\n  - ${TCP.replace(':0', ':99')}\n  - ${TCP.replace(':0', ':99').replace('name: a', 'name: b')}`,
    'gateway.yaml:3:5: listeners[1]: the address 127.0.0.1:99 is taken by a listener above',
  ],
  [
    'a route that leads nowhere',
    HTTP('{pathPrefix: /}'),
    'gateway.yaml:6:9: listeners[0].routes[0]: expected a backend or a requestRedirect, and not both',
  ],
  [
    'a route that leads to two places',
    HTTP("{backend: 'a:1', requestRedirect: {scheme: https}}"),
    'gateway.yaml:6:9: listeners[0].routes[0]: expected a backend or a requestRedirect, and not both',
  ],
  [
    'a redirect to plaintext',
    HTTP('{requestRedirect: {scheme: http}}'),
    'gateway.yaml:6:28: listeners[0].routes[0].requestRedirect.scheme: expected one of https, got "http"',
  ],
  [
    'a host that is an address',
    HTTP("{hostnames: [192.0.2.1], backend: 'a:1'}"),
    'gateway.yaml:6:22: listeners[0].routes[0].hostnames[0]: expected a host name as in www.example.com or *.example.com, got "192.0.2.1"',
  ],
  [
    'a wildcard in the middle',
    HTTP("{hostnames: ['a.*.com'], backend: 'a:1'}"),
    'gateway.yaml:6:22: listeners[0].routes[0].hostnames[0]: expected a host name',
  ],
  [
    'a path that leads up',
    HTTP("{pathPrefix: /a/../b, backend: 'a:1'}"),
    'gateway.yaml:6:10: listeners[0].routes[0].pathPrefix: expected a path that begins with /',
  ],
  [
    'a limit that is no number',
    `listeners:\n  - {name: a, listen: "127.0.0.1:0", protocol: TCP, backend: "db:1", limits: {connections: many}}`,
    'gateway.yaml:2:79: listeners[0].limits.connections: expected a whole number from 1 to 1000000, got "many"',
  ],
  [
    'TLS without certificates',
    `listeners:\n  - {name: a, listen: "127.0.0.1:0", protocol: HTTPS, tls: {mode: Terminate}, routes: [{backend: 'a:1'}]}`,
    'gateway.yaml:2:55: listeners[0].tls.certificates: expected a list, got nothing',
  ],
  [
    'HTTPS that is passed through',
    `listeners:\n  - {name: a, listen: "127.0.0.1:0", protocol: HTTPS, tls: {mode: Passthrough}, routes: [{backend: 'a:1'}]}`,
    'gateway.yaml:2:61: listeners[0].tls.mode: expected one of Terminate, got "Passthrough"',
  ],
  [
    'a client certificate that may be anything',
    `listeners:\n  - {name: a, listen: "127.0.0.1:0", protocol: HTTPS, tls: {mode: Terminate, certificates: [{certificate: a, key: b}], clientCertificate: {mode: Maybe, ca: c}}, routes: [{backend: 'a:1'}]}`,
    'gateway.yaml:2:140: listeners[0].tls.clientCertificate.mode: expected one of Required, Optional, got "Maybe"',
  ],
  [
    'a network with too many bits',
    `listeners:\n  - {name: a, listen: "127.0.0.1:0", protocol: TCP, backend: 'a:1', proxyProtocol: {from: [10.0.0.0/33]}}`,
    'gateway.yaml:2:92: listeners[0].proxyProtocol.from[0]: expected an address or a network as in 10.0.0.0/8, got "10.0.0.0/33"',
  ],
];

for (const [what, text, message] of MISTAKES) {
  test(`a mistake is named: ${what}`, (t) => {
    const error = t.throws(() => read(text), { instanceOf: ConfigError });
    t.is(error.message.slice(0, message.length), message);
  });
}

for (const [text, outside] of [
  ['https://Example.com', { host: 'example.com', port: 443 }],
  ['https://example.com:8443', { host: 'example.com', port: 8443 }],
  ['https://[2001:DB8::1]:8443', { host: '2001:db8::1', port: 8443 }],
] as const) {
  test(`a server outside is read: ${text}`, (t) => {
    const { listeners } = read(HTTP(`{backend: '${text}'}`));
    t.like(listeners[0], { routes: [{ backend: { outside } }] });
  });
}

test('what is left out has its default', (t) => {
  const { listeners } = read(HTTP("{backend: 'api.shop:80'}"));
  t.like(listeners[0], {
    name: 'a',
    listen: { host: '127.0.0.1', port: 80 },
    limits: { headerBytes: 32_768 },
    routes: [
      {
        hostnames: [],
        pathPrefix: '/',
        backend: { service: 'api', namespace: 'shop', port: 80 },
        appProtocol: 'http',
      },
    ],
  });
});
