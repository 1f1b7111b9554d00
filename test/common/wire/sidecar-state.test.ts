/** What a sidecar says of itself fits into a message, has no secret in it, and cannot steer a terminal. */
import test from 'ava';
import { readMeshConfig } from '../../../common/mesh-config/read-mesh-config.ts';
import { toPolicyMessage } from '../../../common/wire/policy.ts';
import { fitState, HIDDEN, readSaid, withoutValues } from '../../../common/wire/sidecar-state.ts';
import { Policy, SidecarState, type Endpoint } from '../../../proto/gen/hauberk/v1/discovery.ts';
import { sidecarStateOf } from '../../helpers/mesh/sidecar-state.ts';

/** What a control plane takes in one message, less the fields around a state. */
const MESSAGE_BYTES = 319 * 1024;

const endpoint = (index: number): Endpoint => ({
  instanceId: `instance-${index}`,
  spiffeId: `spiffe://mesh.local/ns/shop/sa/api-${index}`,
  addresses: [`10.0.${index >> 8}.${index & 255}`],
  hbonePort: 15_008,
  ports: [8080],
  anyPort: false,
  allAddresses: [`10.0.${index >> 8}.${index & 255}`],
  contests: [],
});

const POLICY: Policy = {
  level: 1,
  configVersion: 4,
  fallback: 'mesh',
  rules: [],
  egress: undefined,
  routes: undefined,
};

test('a small state is told as it is', (t) => {
  const state = sidecarStateOf({ endpoints: [endpoint(1), endpoint(2)], policy: POLICY });
  t.deepEqual(fitState(state), state);
});

test('a state of a large mesh fits into a message, and says what is missing', (t) => {
  const many = 20_000;
  const all = Array.from({ length: many }, (_, index) => index);
  const name = 'x'.repeat(200);
  const state = fitState(
    sidecarStateOf({
      endpoints: all.map(endpoint),
      tunnels: all.map(() => ({
        inbound: true,
        peer: name,
        address: '10.0.0.1',
        streams: 1,
        peerNotAfterMs: 1,
        accepting: true,
      })),
      listeners: all.map((port) => ({ kind: 'upstream', address: '::1', port, target: name })),
      allow: all.map((port) => ({ port, namespace: name, service: name })),
      view: {
        version: 1,
        endpoints: many,
        everything: false,
        services: all.map(() => ({ namespace: name, service: name })),
        namespaces: all.map(() => name),
        addresses: all.map(() => '10.0.0.1'),
      },
      policy: {
        ...POLICY,
        rules: all.map(() => ({
          name,
          action: 'allow',
          audit: false,
          to: ['*'],
          ports: [],
          from: ['*'],
          methods: [],
          paths: [],
          grpcServices: [],
        })),
        egress: {
          listed: true,
          allowances: all.map(() => ({ from: [name], to: [name] })),
          destinations: [],
        },
      },
    }),
  );
  t.true(SidecarState.encode(state).finish().length < MESSAGE_BYTES);
  t.true(state.endpoints.length > 100);
  for (const part of ['endpoints', 'tunnels', 'listeners', 'allow', 'rules', 'egress']) {
    t.truthy(
      state.omitted.find((one) => one.part === part),
      part,
    );
  }
  const missing = state.omitted.find(({ part }) => part === 'endpoints')?.count ?? 0;
  t.is(state.endpoints.length + missing, many);
});

test('values of header fields and query parameters are hidden, and nothing else', (t) => {
  const { routes } = readMeshConfig(
    `routes:
  namespace: shop
  http:
    - name: api
      parentRefs: [{ name: api, port: 8080 }]
      rules:
        - matches:
            - path: { type: PathPrefix, value: /orders }
              headers: [{ name: x-key, value: SECRET-1 }]
              queryParams: [{ name: token, value: SECRET-2 }]
          filters:
            - type: RequestHeaderModifier
              requestHeaderModifier:
                set: [{ name: authorization, value: Bearer SECRET-3 }]
                add: [{ name: x-add, value: SECRET-4 }]
            - type: ResponseHeaderModifier
              responseHeaderModifier:
                set: [{ name: set-cookie, value: SECRET-5 }]
          backendRefs: [{ name: api, port: 8080 }]
`,
    'mesh.yaml',
  );
  const full = toPolicyMessage({
    configVersion: 1,
    policy: { fallback: 'mesh', rules: [] },
    egress: { allowances: undefined, destinations: [] },
    routes,
  });
  const before = JSON.stringify(full);
  for (const number of [1, 2, 3, 4, 5]) t.true(before.includes(`SECRET-${number}`));
  const hidden = withoutValues(full);
  const text = JSON.stringify(hidden);
  t.false(text.includes('SECRET'));
  t.is(text.split(HIDDEN).length - 1, 5);
  t.true(text.includes('/orders') && text.includes('authorization'));
  t.notThrows(() => Policy.encode(hidden).finish());
});

test('what is said cannot steer a terminal, and each number can be a date', (t) => {
  const said = readSaid(
    sidecarStateOf({
      softwareVersion: '\u001B[2J\u202Etxt',
      atMs: Number.MAX_SAFE_INTEGER,
      listeners: [{ kind: 'hbone', address: `a${'x'.repeat(5_000)}`, port: 1, target: '\n' }],
    }),
  );
  t.is(said.softwareVersion, '?[2J?txt');
  t.is(said.atMs, 0);
  t.is(said.listeners[0]?.target, '?');
  t.is(said.listeners[0]?.address.length, 2_048);
});
