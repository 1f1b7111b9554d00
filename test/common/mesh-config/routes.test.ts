/** The section `routes`: what it says, and that it travels whole. */
import test from 'ava';
import { NO_EGRESS } from '../../../common/authorization/egress.ts';
import { OPEN_POLICY } from '../../../common/authorization/policy.ts';
import { readMeshConfig } from '../../../common/mesh-config/read-mesh-config.ts';
import {
  backendPolicyFor,
  DEFAULT_BACKEND_POLICY,
  NO_ROUTES,
  type Routes,
} from '../../../common/routes/backend-policy.ts';
import { readPolicy, toPolicyMessage } from '../../../common/wire/policy.ts';
import { Policy as PolicyMessage } from '../../../proto/gen/hauberk/v1/discovery.ts';

const FULL = `routes:
  namespace: shop
  http:
    - name: api
      parentRefs: [{name: api, port: 8080}, {name: api, namespace: test, port: 80}]
      rules:
        - name: canary
          matches:
            - path: {type: Exact, value: /v2}
              headers: [{name: X-Canary, value: always}, {type: Exact, name: x-b, value: 'a b'}]
              queryParams: [{name: a b, value: '1'}]
              method: GET
            - path: {value: /v3}
          filters:
            - type: RequestHeaderModifier
              requestHeaderModifier:
                set: [{name: X-Version, value: '2'}]
                add: [{name: via, value: mesh}]
                remove: [x-debug]
            - type: ResponseHeaderModifier
              responseHeaderModifier: {remove: [Server]}
            - type: RequestMirror
              requestMirror: {backendRef: {name: shadow, port: 80}, percent: 12.5}
            - type: RequestMirror
              requestMirror: {backendRef: {name: shadow, port: 81}}
          backendRefs:
            - {name: api, port: 8080, weight: 90}
            - {name: api-v2, port: 8080, weight: 10}
            - {name: api-v3, namespace: test, port: 80, weight: 0}
          timeouts: {request: 1m30s, backendRequest: 500ms}
          retry: {codes: [502, 503], attempts: 3, backoff: 100ms}
          sessionPersistence: {sessionName: api-session, absoluteTimeout: 1h, idleTimeout: 5m, cookieConfig: {lifetimeType: Permanent}}
          faultInjection:
            delay: {fixedDelay: 2s, percentage: 0.5}
            abort: {httpStatus: 503, grpcStatus: UNAVAILABLE, percentage: 1}
        - matches: [{path: {value: /old}}]
          filters:
            - type: URLRewrite
              urlRewrite: {hostname: API.internal, path: {type: ReplacePrefixMatch, replacePrefixMatch: /new}}
        - matches: [{path: {type: Exact, value: /}}]
          filters:
            - type: RequestRedirect
              requestRedirect: {scheme: https, port: 8443, path: {type: ReplaceFullPath, replaceFullPath: /home}, statusCode: 301}
    - name: plain
      parentRefs: [{name: web, port: 80}]
  grpc:
    - name: orders
      parentRefs: [{name: orders, port: 50051}]
      rules:
        - matches:
            - method: {service: shop.Orders, method: Get}
              headers: [{name: x-a, value: b}]
            - method: {method: List}
            - {}
          timeouts: {request: 0s}
          retry: {codes: [UNAVAILABLE, ABORTED]}
          faultInjection: {abort: {grpcStatus: INTERNAL}}
          sessionPersistence: {type: Header, sessionName: X-Session}
  backends:
    - targetRefs: [{name: api, port: 8080}, {name: api-v2, port: 8080}]
      appProtocol: h2c
      loadBalancer: {type: RoundRobin}
      outlierDetection: {consecutive5xxErrors: 3, baseEjectionTime: 10s, maxEjectionPercent: 30}
      circuitBreaker: {maxParallelRequests: 100, maxPendingRequests: 0}
      rateLimit: {requests: 600, unit: Minute}
      retryConstraint: {budget: {percent: 10, interval: 5s}, minRetryRate: {count: 3}}
    - targetRefs: [{name: orders, port: 50051}]
`;

const at = (service: string, port: number, namespace = 'shop') => ({ service, namespace, port });
const read = (text: string): Routes => readMeshConfig(text, 'mesh.yaml').routes;
/** What is not there and what is undefined are the same. */
const plain = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

test('a document without routes leaves everything as bytes', (t) => {
  for (const text of ['', 'routes: {}', 'routes: {http: []}']) t.deepEqual(read(text), NO_ROUTES);
});

test('an HTTP route says everything that the Gateway API lets it say for services', (t) => {
  const [api, web] = read(FULL).routes;
  t.deepEqual(plain(api), {
    kind: 'http',
    name: 'api',
    parents: [at('api', 8080), at('api', 80, 'test')],
    rules: [
      {
        name: 'canary',
        matches: [
          {
            path: { type: 'Exact', value: '/v2' },
            method: 'GET',
            headers: [
              { name: 'x-canary', value: 'always' },
              { name: 'x-b', value: 'a b' },
            ],
            queryParams: [{ name: 'a b', value: '1' }],
          },
          { path: { type: 'PathPrefix', value: '/v3' }, headers: [], queryParams: [] },
        ],
        filters: {
          requestHeaders: {
            set: [{ name: 'x-version', value: '2' }],
            add: [{ name: 'via', value: 'mesh' }],
            remove: ['x-debug'],
          },
          responseHeaders: { set: [], add: [], remove: ['server'] },
          mirrors: [
            { ...at('shadow', 80), percent: 12.5 },
            { ...at('shadow', 81), percent: 100 },
          ],
        },
        backends: [
          { ...at('api', 8080), weight: 90 },
          { ...at('api-v2', 8080), weight: 10 },
          { ...at('api-v3', 80, 'test'), weight: 0 },
        ],
        timeouts: { requestMs: 90_000, backendRequestMs: 500 },
        retry: { codes: [502, 503], attempts: 3, backoffMs: 100 },
        sessionPersistence: {
          type: 'Cookie',
          sessionName: 'api-session',
          absoluteTimeoutMs: 3_600_000,
          idleTimeoutMs: 300_000,
          cookieLifetime: 'Permanent',
        },
        faultInjection: {
          delay: { fixedDelayMs: 2_000, percentage: 0.5 },
          abort: { httpStatus: 503, grpcStatus: 14, percentage: 1 },
        },
      },
      {
        name: '',
        matches: [{ path: { type: 'PathPrefix', value: '/old' }, headers: [], queryParams: [] }],
        filters: {
          rewrite: {
            hostname: 'api.internal',
            path: { type: 'ReplacePrefixMatch', value: '/new' },
          },
          mirrors: [],
        },
        backends: [],
        timeouts: {},
      },
      {
        name: '',
        matches: [{ path: { type: 'Exact', value: '/' }, headers: [], queryParams: [] }],
        filters: {
          redirect: {
            scheme: 'https',
            port: 8443,
            path: { type: 'ReplaceFullPath', value: '/home' },
            statusCode: 301,
          },
          mirrors: [],
        },
        backends: [],
        timeouts: {},
      },
    ],
  });
  t.deepEqual(plain(web?.rules), [
    {
      name: '',
      matches: [{ headers: [], queryParams: [] }],
      filters: { mirrors: [] },
      backends: [],
      timeouts: {},
    },
  ]);
});

test('a gRPC route has methods of services, and gRPC codes', (t) => {
  const orders = read(FULL).routes.find(({ kind }) => kind === 'grpc');
  t.deepEqual(plain(orders?.rules), [
    {
      name: '',
      matches: [
        {
          grpcMethod: { service: 'shop.Orders', method: 'Get' },
          headers: [{ name: 'x-a', value: 'b' }],
          queryParams: [],
        },
        { grpcMethod: { method: 'List' }, headers: [], queryParams: [] },
        { headers: [], queryParams: [] },
      ],
      filters: { mirrors: [] },
      backends: [],
      timeouts: { requestMs: 0 },
      retry: { codes: [14, 10], attempts: 1, backoffMs: 25 },
      sessionPersistence: {
        type: 'Header',
        sessionName: 'x-session',
        cookieLifetime: 'Session',
      },
      faultInjection: { abort: { httpStatus: 503, grpcStatus: 13, percentage: 100 } },
    },
  ]);
});

test('a backend is treated as its entry says, and otherwise by default', (t) => {
  const routes = read(FULL);
  t.deepEqual(plain(backendPolicyFor(routes, at('api-v2', 8080))), {
    targets: [at('api', 8080), at('api-v2', 8080)],
    appProtocol: 'h2c',
    loadBalancer: 'RoundRobin',
    outlierDetection: {
      consecutive5xxErrors: 3,
      baseEjectionTimeMs: 10_000,
      maxEjectionPercent: 30,
    },
    circuitBreaker: { maxParallelRequests: 100, maxPendingRequests: 0 },
    rateLimit: { requests: 600, intervalMs: 60_000 },
    retryConstraint: {
      budget: { percent: 10, intervalMs: 5_000 },
      minRetryRate: { count: 3, intervalMs: 1_000 },
    },
  });
  for (const backend of [at('orders', 50_051), at('web', 80), at('api', 9090)]) {
    t.deepEqual(plain(backendPolicyFor(routes, backend)), {
      targets: [backend],
      ...DEFAULT_BACKEND_POLICY,
    });
  }
});

test('routes travel whole, and are nothing to a sidecar that does not know them', (t) => {
  const routes = read(FULL);
  const mesh = { configVersion: 3, policy: OPEN_POLICY, egress: NO_EGRESS, routes };
  const bytes = PolicyMessage.encode(toPolicyMessage(mesh)).finish();
  const arrived = PolicyMessage.decode(bytes);
  t.deepEqual(plain(readPolicy(arrived)), plain(mesh));
  t.is(arrived.level, 1, 'an older sidecar takes the policy, and carries bytes');
  t.deepEqual(structuredClone(readPolicy(arrived)), readPolicy(arrived), 'it goes to workers');
  const silent = toPolicyMessage({ ...mesh, routes: NO_ROUTES });
  t.is(silent.routes, undefined);
  t.deepEqual(readPolicy(silent).routes, NO_ROUTES);
  t.throws(() => readPolicy({ ...arrived, routes: { level: 2, routes: [], backends: [] } }), {
    message: /routes of a level up to 1: update this sidecar/,
  });
});
