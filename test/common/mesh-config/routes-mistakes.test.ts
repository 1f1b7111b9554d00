/** Each mistake in the section `routes` is told with its place. */
import test from 'ava';
import { MeshConfigError } from '../../../common/mesh-config/mesh-config-error.ts';
import { readMeshConfig } from '../../../common/mesh-config/read-mesh-config.ts';

/** The mistakes of a document, each as `line:column: sentence`. */
function mistakes(text: string): string[] {
  try {
    readMeshConfig(text, 'mesh.yaml');
    return [];
  } catch (error) {
    if (!(error instanceof MeshConfigError)) throw error;
    return error.problems.map(({ line, column, sentence }) => `${line}:${column}: ${sentence}`);
  }
}

const PARENT = 'parentRefs: [{name: api, port: 80}]';
const route = (rest: string): string =>
  `routes:\n  namespace: shop\n  http:\n    - {name: a, ${rest}}\n`;
const rule = (rest: string): string => route(`${PARENT}, rules: [{${rest}}]`);
const filter = (rest: string): string => rule(`filters: [{${rest}}]`);
const grpc = (rest: string): string => rule(rest).replace('http:', 'grpc:');
const backend = (rest: string): string =>
  `routes:\n  namespace: shop\n  backends:\n    - {targetRefs: [{name: api, port: 80}], ${rest}}\n`;

const MISTAKES: readonly (readonly [string, string])[] = [
  [route('parentRefs: []'), 'parentRefs: expected at least one service'],
  [route('parentRefs: [{name: api}]'), 'parentRefs[0].port: expected a port from 1 to 65535'],
  [route('parentRefs: [{name: api, port: 80, kind: Gateway}]'), 'the key "kind" is unknown'],
  [route(`${PARENT}, hostnames: [a.example]`), 'the key "hostnames" is unknown'],
  [route(`${PARENT}, rules: []`), 'rules: expected at least one rule'],
  [route('parentRefs: [{name: x, namespace: hauberk, port: 1}]'), 'the namespace hauberk has no'],
  [
    rule('matches: [{path: {type: RegularExpression, value: /a.+}}]'),
    'expected Exact or PathPrefix',
  ],
  [rule('matches: [{path: {value: a}}]'), 'path.value: expected a path as in /api/v1'],
  [rule('matches: [{path: {value: /a/../b}}]'), 'path.value: expected a path as in /api/v1'],
  [rule('matches: [{path: {value: /a/*}}]'), 'path.value: expected a path without *'],
  [rule('matches: [{method: get}]'), 'method: expected a method as in GET'],
  [rule('matches: [{headers: [{name: a b, value: c}]}]'), 'name: expected the name of a header'],
  [rule('matches: [{headers: [{name: Host, value: c}]}]'), 'expected another header than Host'],
  [rule('matches: [{headers: [{name: a, value: "b "}]}]'), 'value: expected a value of ASCII'],
  [rule('matches: [{headers: [{name: a, value: b}, {name: A, value: c}]}]'), 'each header once'],
  [rule('matches: [{queryParams: [{name: a, value: b}, {name: a, value: c}]}]'), 'parameter once'],
  [rule('filters: [{type: ExtensionRef}]'), 'expected one of RequestHeaderModifier'],
  [
    filter('type: RequestHeaderModifier, requestHeaderModifier: {set: [{name: te, value: a}]}'),
    'expected another header than te',
  ],
  [
    filter('type: RequestHeaderModifier, requestHeaderModifier: {remove: [a, A]}'),
    'expected each header once in set, add and remove, got a twice',
  ],
  [
    filter('type: RequestRedirect, requestRedirect: {statusCode: 200}'),
    'expected 301, 302, 303, 307 or 308',
  ],
  [
    filter('type: RequestRedirect, requestRedirect: {hostname: "1.2.3.4"}'),
    'hostname: expected a host name',
  ],
  [filter('type: URLRewrite, urlRewrite: {}'), 'urlRewrite: expected a hostname, a path, or both'],
  [
    filter(
      'type: URLRewrite, urlRewrite: {path: {type: ReplacePrefixMatch, replacePrefixMatch: /x}}',
    ),
    'expected exactly one match, with a PathPrefix',
  ],
  [
    filter('type: RequestMirror, requestMirror: {backendRef: {name: a, port: 1}, percent: 101}'),
    'expected a percentage from 0 to 100',
  ],
  [
    rule(
      'filters: [{type: RequestRedirect, requestRedirect: {}}], backendRefs: [{name: b, port: 1}]',
    ),
    'expected no backendRefs in a rule that redirects',
  ],
  [
    rule(
      'filters: [{type: RequestRedirect, requestRedirect: {}}, {type: URLRewrite, urlRewrite: {hostname: a}}]',
    ),
    'expected a RequestRedirect or a URLRewrite, and not both',
  ],
  [
    rule(
      'filters: [{type: URLRewrite, urlRewrite: {hostname: a}}, {type: URLRewrite, urlRewrite: {hostname: b}}]',
    ),
    'filters[1]: expected one URLRewrite, got another one',
  ],
  [rule('backendRefs: [{name: b, port: 1, weight: -1}]'), 'weight: expected a whole number from 0'],
  [rule('backendRefs: [{name: b, port: 1, weight: 0}]'), 'expected a weight above 0'],
  [
    rule('timeouts: {request: 1s, backendRequest: 2s}'),
    'expected a backendRequest that is no longer',
  ],
  [rule('timeouts: {request: 1.5s}'), 'timeouts.request: expected a duration from 0ms to 86400s'],
  [rule('timeouts: {request: 10}'), 'as in 500ms, 10s or 1m30s'],
  [rule('retry: {codes: [200]}'), 'codes[0]: expected a status code from 400 to 599'],
  [rule('retry: {codes: [UNAVAILABLE]}'), 'codes[0]: expected a status code from 400 to 599'],
  [rule('retry: {attempts: 11}'), 'attempts: expected a whole number from 1 to 10'],
  [rule('sessionPersistence: {}'), 'sessionPersistence.sessionName: expected text, got nothing'],
  [
    rule('sessionPersistence: {type: Header, sessionName: a, cookieConfig: {}}'),
    'for the type Cookie only',
  ],
  [
    rule('sessionPersistence: {sessionName: a, cookieConfig: {lifetimeType: Permanent}}'),
    'expected an absoluteTimeout for a Permanent cookie',
  ],
  [rule('faultInjection: {}'), 'faultInjection: expected a delay, an abort, or both'],
  [rule('faultInjection: {abort: {grpcStatus: INTERNAL}}'), 'httpStatus: expected a status code'],
  [grpc('retry: {codes: [503]}'), 'codes[0]: expected the name of a gRPC code as in UNAVAILABLE'],
  [grpc('retry: {codes: [OK]}'), 'codes[0]: expected the name of an error'],
  [grpc('matches: [{method: {}}]'), 'method: expected a service, a method, or both'],
  [grpc('matches: [{method: {service: /a}}]'), 'service: expected a gRPC service with its package'],
  [grpc('matches: [{path: {value: /a}}]'), 'the key "path" is unknown'],
  [
    grpc('filters: [{type: RequestRedirect, requestRedirect: {}}]'),
    'expected one of RequestHeaderModifier, ResponseHeaderModifier, RequestMirror',
  ],
  [backend('appProtocol: grpc'), 'appProtocol: expected http or h2c'],
  [backend('loadBalancer: {type: Maglev}'), 'expected LeastRequest, RoundRobin or Random'],
  [
    backend('circuitBreaker: {maxParallelRequests: 0}'),
    'expected a whole number from 1 to 1000000',
  ],
  [backend('rateLimit: {requests: 1}'), 'unit: expected Second, Minute or Hour'],
  [backend('retryConstraint: {budget: {percent: 120}}'), 'expected a percentage from 0 to 100'],
];

for (const [text, sentence] of MISTAKES) {
  test(`a mistake is told with its place: ${sentence} (${text.split('\n')[3]?.trim()})`, (t) => {
    const told = mistakes(text);
    t.is(told.length, 1, told.join('\n'));
    t.regex(told[0] ?? '', /^4:\d+: routes\.(?:http|grpc|backends)\[0\]/);
    t.true(told[0]?.includes(sentence), told[0]);
  });
}

test('what contradicts itself across routes is refused where it stands', (t) => {
  t.deepEqual(
    mistakes(`routes:
  http:
    - {name: a, parentRefs: [{name: api, namespace: shop, port: 80}]}
    - {name: a, parentRefs: [{name: api, port: 81}]}
  grpc:
    - {name: b, parentRefs: [{name: api, namespace: shop, port: 80}]}
  backends:
    - targetRefs: [{name: api, namespace: shop, port: 80}]
    - targetRefs: [{name: api, namespace: shop, port: 80}]
`),
    [
      '4:30: routes.http[1].parentRefs[0]: api has no namespace: write one beside it, or for all routes',
      '4:8: routes.http[1].name: the name a is taken by a route above',
      '6:30: routes.grpc[0].parentRefs[0]: api.shop:80 has the http route a: requests for a port are for routes of one kind',
      '9:20: routes.backends[1].targetRefs[0]: api.shop:80 has an entry above',
    ],
  );
});
