import test from 'ava';
import { spiffeId } from '../../../common/pki/spiffe-id.ts';
import type { Endpoint } from '../../../common/wire/endpoint.ts';
import { createMeshView } from '../../../proxy/discovery/mutable-view.ts';
import {
  routeCaptured,
  type OutboundMode,
  type RouteInput,
} from '../../../proxy/outbound/captured-route.ts';

function endpoint(service: string, address: string, ports: number[] | 'any'): Endpoint {
  return {
    instanceId: `${service}-1`,
    spiffeId: spiffeId({ trustDomain: 'mesh.local', namespace: 'shop', service }),
    addresses: [address],
    proven: [address],
    contests: [],
    hbonePort: 15_008,
    ports: ports === 'any' ? [] : ports,
    anyPort: ports === 'any',
  };
}

/** A workload that says it is at an address, and nothing more. */
function claiming(address: string, ports: number[] | 'any'): Endpoint {
  const claimant = endpoint('evil', address, ports);
  return { ...claimant, instanceId: `evil-${address}`, proven: [] };
}

const known = createMeshView();
known.apply({
  kind: 'snapshot',
  version: 7,
  endpoints: [
    endpoint('api', '10.0.0.2', 'any'),
    endpoint('db', '10.0.0.3', [5432]),
    // Two hosts, whose networks have the same addresses.
    endpoint('left', '172.17.0.2', [80]),
    endpoint('right', '172.17.0.2', [80, 81]),
    endpoint('six', 'fd00::2', 'any'),
    claiming('10.0.0.50', 'any'),
    claiming('10.0.0.3', [22, 5432]),
    claiming('10.0.0.9', [81]),
    claiming('192.0.2.7', [8443]),
    // Two services of one host: the first keeps the port that both serve.
    endpoint('first', '10.0.0.60', [80]),
    {
      ...endpoint('second', '10.0.0.60', [80, 81]),
      contests: [
        { address: '10.0.0.60', holder: 'spiffe://mesh.local/ns/shop/sa/first', ports: [80] },
      ],
    },
    {
      ...endpoint('third', '10.0.0.60', 'any'),
      contests: [
        { address: '10.0.0.60', holder: 'spiffe://mesh.local/ns/shop/sa/first', ports: [] },
      ],
    },
  ],
});

function route(
  place: string,
  mode: OutboundMode = 'passthrough',
  view = known,
  mayLeave: RouteInput['mayLeave'] = () => true,
): string {
  const [, address = '', port] = /^(.*):(\d+)$/.exec(place) ?? [];
  const decided = routeCaptured({
    destination: { address, port: Number(port) },
    view,
    departed: { wasAt: (candidate) => candidate === '10.0.0.9' },
    mode,
    hasPolicy: (outside) =>
      outside.port === 8443 &&
      ['192.0.2.7', '192.0.2.8', '10.0.0.2', '10.0.0.3', '10.0.0.9'].includes(outside.address),
    mayLeave,
    isOwnPort: (candidate) => [15_001, 15_006, 15_008, 15_020].includes(candidate),
    isOwnAddress: (candidate) => ['10.0.0.1', '127.0.0.1', '::1'].includes(candidate),
  });
  switch (decided.kind) {
    case 'tunnel':
      return decided.endpoints.map(({ spiffeId: { service } }) => service).join(' or ');
    case 'claimed': {
      const claimants = decided.claimants.map(({ spiffeId: { service } }) => service).join(' or ');
      const { otherwise } = decided;
      return `${claimants}?, else ${otherwise.kind === 'refused' ? otherwise.reason : otherwise.kind}`;
    }
    case 'originate':
    case 'passthrough':
      return decided.kind;
    case 'refused':
      return `refused: ${decided.reason}`;
  }
}

for (const [place, inPassthrough, inMeshOnly] of [
  ['10.0.0.2:8080', 'api', 'api'],
  ['10.0.0.2:1', 'api', 'api'],
  ['fd00::2:443', 'six', 'six'],
  ['10.0.0.3:5432', 'db', 'db'],
  ['172.17.0.2:80', 'left or right', 'left or right'],
  ['172.17.0.2:81', 'right', 'right'],
  ['10.0.0.9:8080', 'refused: departed', 'refused: departed'],
  // A member of the mesh is never spoken to in plaintext, whatever the port.
  ['10.0.0.3:23', 'refused: not-exposed', 'refused: not-exposed'],
  ['10.0.0.3:22', 'evil?, else not-exposed', 'evil?, else not-exposed'],
  ['172.17.0.2:22', 'refused: not-exposed', 'refused: not-exposed'],
  // A claim takes nothing from anybody, neither a member nor a stranger.
  ['10.0.0.50:9000', 'evil?, else passthrough', 'evil?, else not-in-mesh'],
  ['10.0.0.9:81', 'evil?, else departed', 'evil?, else departed'],
  ['192.0.2.7:8443', 'evil?, else originate', 'evil?, else originate'],
  // The first keeps the port that both serve.
  ['10.0.0.60:80', 'first', 'first'],
  ['10.0.0.60:81', 'second', 'second'],
  ['10.0.0.60:82', 'refused: not-exposed', 'refused: not-exposed'],
  // Not a member.
  ['192.0.2.1:443', 'passthrough', 'refused: not-in-mesh'],
  ['192.0.2.1:15001', 'passthrough', 'refused: not-in-mesh'],
  // A server outside for which there is a policy: in TLS, or not at all.
  ['192.0.2.8:8443', 'originate', 'originate'],
  ['192.0.2.7:443', 'passthrough', 'refused: not-in-mesh'],
  // A policy does not make a stranger of a member.
  ['10.0.0.2:8443', 'api', 'api'],
  ['10.0.0.3:8443', 'refused: not-exposed', 'refused: not-exposed'],
  ['10.0.0.9:8443', 'refused: departed', 'refused: departed'],
  // Ourselves.
  ['10.0.0.1:15001', 'refused: own-port', 'refused: own-port'],
  ['127.0.0.1:15001', 'refused: own-port', 'refused: own-port'],
  ['::1:15001', 'refused: own-port', 'refused: own-port'],
  ['10.0.0.1:15008', 'refused: own-port', 'refused: own-port'],
] as const) {
  test(`${place} leads to ${inPassthrough}, and with mesh-only to ${inMeshOnly}`, (t) => {
    t.is(route(place, 'passthrough'), inPassthrough);
    t.is(route(place, 'mesh-only'), inMeshOnly);
  });
}

test('nobody is spoken to in plaintext before the mesh is known', (t) => {
  const empty = createMeshView();
  t.is(route('192.0.2.1:443', 'passthrough', empty), 'refused: no-view');
  empty.apply({ kind: 'snapshot', version: 1, endpoints: [] });
  t.is(route('192.0.2.1:443', 'passthrough', empty), 'passthrough');
});

test('an address that the control plane was not asked about is not guessed to be outside', (t) => {
  const partial = createMeshView();
  const [api, db, , , , claimant] = known.endpoints();
  if (api === undefined || db === undefined || claimant === undefined) return t.fail();
  const complete = ['namespace shop', 'address 192.0.2.1'];
  partial.apply({ kind: 'snapshot', version: 1, endpoints: [api, db, claimant], complete });
  for (const mode of ['passthrough', 'mesh-only'] as const) {
    t.is(route('192.0.2.2:443', mode, partial), 'refused: not-answered');
    // Not even in TLS, which a member might not expect.
    t.is(route('192.0.2.8:8443', mode, partial), 'refused: not-answered');
    // Somebody else may serve the port there.
    t.is(route('10.0.0.3:23', mode, partial), 'refused: not-answered');
    t.is(route('10.0.0.50:9000', mode, partial), 'evil?, else not-answered');
    // A member that is known to be there is called without an answer.
    t.is(route('10.0.0.2:8080', mode, partial), 'api');
  }
  t.is(route('192.0.2.1:443', 'passthrough', partial), 'passthrough');
});

test('a list of places outside is about nobody of the mesh, and says no as long as it is not known', (t) => {
  const listed: RouteInput['mayLeave'] = ({ address, port }) =>
    address === '8.8.4.4' && port === 53;
  const cases = [
    ['8.8.4.4:53', 'passthrough'],
    ['8.8.4.4:54', 'refused: egress-not-allowed'],
    ['8.8.8.8:53', 'refused: egress-not-allowed'],
    ['10.0.0.2:80', 'api'],
    ['10.0.0.9:80', 'refused: departed'],
  ] as const;
  for (const [place, expected] of cases) {
    t.is(route(place, 'passthrough', known, listed), expected, place);
  }
  t.is(
    route('8.8.4.4:53', 'passthrough', known, () => undefined),
    'refused: no-view',
  );
  t.is(route('8.8.4.4:53', 'mesh-only', known, listed), 'refused: not-in-mesh');
});
