// What `hauberk check` says of each state that a mesh can be in, beside the mesh in which all is well.
import test from 'ava';
import type { CheckPeersResponse } from '../../../proto/gen/hauberk/v1/admin.ts';
import { checkMesh } from '../../../cli/check/check-mesh.ts';
import type { CheckState } from '../../../cli/check/finding.ts';
import type { MeshFacts } from '../../../cli/check/mesh-facts.ts';
import type { WorkloadInfo } from '../../../cli/admin/client.ts';
import type { ControlPlane } from '../../../proto/gen/hauberk/v1/admin.ts';
import { NO_REPORT } from '../../../common/wire/report.ts';

const NOW_MS = Date.UTC(2026, 0, 1);
const DAY_MS = 86_400_000;

const web: WorkloadInfo = {
  ...NO_REPORT,
  namespace: 'shop',
  service: 'web',
  instanceId: 'w1',
  spiffeId: 'spiffe://mesh.local/ns/shop/sa/web',
  addresses: ['10.0.0.1'],
  provenAddresses: ['10.0.0.1'],
  contests: [],
  hbonePort: 15_008,
  ports: [8080],
  anyPort: false,
  connected: true,
  expected: true,
  certificateSerial: 'aa',
  certificateNotAfterMs: NOW_MS + 3_600_000,
  acknowledgedVersion: 7,
  bundleVersion: 3,
  softwareVersion: '1.0.0',
  localAllow: undefined,
  missingUpstreams: [],
  viewBehind: false,
};

const CONTROL_PLANE: ControlPlane = {
  id: 'one',
  addresses: [],
  softwareVersion: '1.0.0',
  startedMs: NOW_MS,
  viewVersion: 7,
  sidecars: 2,
  leads: true,
  acknowledgedVersion: 7,
};
const FOLLOWER = { ...CONTROL_PLANE, id: 'two', leads: false };

const PEERS = {
  unreachedPeers: [],
  tried: 4,
  asked: 2,
  silent: 0,
  unable: 0,
  unreached: [],
};

const WELL: MeshFacts = {
  nowMs: NOW_MS,
  clockAheadMs: 20,
  peers: PEERS,
  credentialNotAfterMs: NOW_MS + 30 * DAY_MS,
  workloads: [web, { ...web, service: 'api', instanceId: 'a1', addresses: ['10.0.0.2'] }],
  controlPlanes: [CONTROL_PLANE],
  federated: [],
  authority: {
    rootDigest: '00',
    rootNotAfterMs: NOW_MS + 3_650 * DAY_MS,
    rootKeyHere: true,
    issuerSerial: '01',
    issuerNotAfterMs: NOW_MS + 90 * DAY_MS,
    bundleVersion: 3,
    rotation: undefined,
  },
  keysEncrypted: true,
  unseenNames: [],
};

const withPeers = (change: Partial<CheckPeersResponse>): Partial<MeshFacts> => ({
  peers: { ...PEERS, ...change },
});

const unreached = (reason: string): Partial<MeshFacts> => {
  const spiffeId = 'spiffe://mesh.local/ns/shop/sa/api';
  const peer = { instanceId: 'a1', spiffeId, address: '10.0.0.2', hbonePort: 15_008, reason };
  return withPeers({ unreachedPeers: [{ from: web.spiffeId, peer }] });
};

const withWeb = (change: Partial<WorkloadInfo>): Partial<MeshFacts> => ({
  workloads: [{ ...web, ...change }, ...WELL.workloads.slice(1)],
});

/** What is changed, the check that has something to say, how bad it is, and what it says. */
const CASES: readonly (readonly [Partial<MeshFacts>, string, CheckState, RegExp])[] = [
  [{ workloads: [] }, 'sidecars', 'warning', /^no sidecar has joined yet$/],
  [
    withWeb({ connected: false }),
    'sidecars',
    'warning',
    /^1 of 2 sidecars are away: web\.shop \(w1\)$/,
  ],
  [
    withWeb({ softwareVersion: '0.9.0' }),
    'versions',
    'warning',
    /of version 0\.9\.0, the control plane of 1\.0\.0/,
  ],
  [withWeb({ certificateNotAfterMs: NOW_MS }), 'certificates', 'failed', /have expired: web\.shop/],
  [
    withWeb({ clockAheadMs: 120_000 }),
    'clocks',
    'warning',
    /^1 clock off from the control plane's: web\.shop \(w1\) 2m ahead$/,
  ],
  [withWeb({ clockAheadMs: -400_000 }), 'clocks', 'failed', /web\.shop \(w1\) 6m 40s behind$/],
  [{ clockAheadMs: 90_000 }, 'clocks', 'warning', /this host 1m 30s ahead$/],
  [withWeb({ viewBehind: true }), 'view', 'failed', /^1 sidecar have not taken in.*web\.shop/],
  [
    unreached('timeout'),
    'peers',
    'failed',
    /^web\.shop does not reach api\.shop at 10\.0\.0\.2:15008: timeout$/,
  ],
  [unreached('wrong-identity'), 'peers', 'failed', /: wrong-identity$/],
  [withPeers({ silent: 1 }), 'peers', 'warning', /^1 sidecar of 2 have not said in time/],
  [
    withPeers({ unreached: [{ id: 'two', why: 'it is gone' }] }),
    'peers',
    'warning',
    /^the sidecars of the control plane two were not asked: it is gone$/,
  ],
  [{ peers: undefined }, 'peers', 'warning', /^this control plane cannot/],
  [
    withWeb({ bundleVersion: 2 }),
    'trust-bundle',
    'warning',
    /without the present trust bundle: web\.shop/,
  ],
  [withWeb({ addresses: ['127.0.0.1'] }), 'addresses', 'failed', /their own host only: web\.shop/],
  [
    withWeb({ provenAddresses: [] }),
    'addresses',
    'warning',
    /not found at the advertised address: web\.shop/,
  ],
  [
    withWeb({ contests: [{ address: '10.0.0.1', holder: 'x', ports: [] }] }),
    'conflicts',
    'failed',
    /web\.shop/,
  ],
  [
    withWeb({ missingUpstreams: ['apu.shop:8080'] }),
    'upstreams',
    'warning',
    /^web\.shop calls apu\.shop:8080, which/,
  ],
  [{ unseenNames: ['the rule x: nobody'] }, 'names', 'warning', /^the rule x: nobody$/],
  [
    withWeb({
      plaintext: {
        connections: 4,
        flows: 1,
        mostUsed: [{ inbound: false, address: '10.9.9.9', port: 25, connections: 4 }],
      },
    }),
    'plaintext',
    'warning',
    /^web\.shop sends plaintext to 10\.9\.9\.9:25 \(4 connections\)$/,
  ],
  [
    withWeb({
      egress: [{ host: 'db.example', port: 5432, condition: 'timeout', why: 'no answer' }],
    }),
    'egress',
    'failed',
    /^web\.shop to db\.example:5432: timeout, no answer$/,
  ],
  [{ keysEncrypted: false }, 'private-keys', 'warning', /not encrypted/],
  [{ credentialNotAfterMs: NOW_MS + DAY_MS }, 'operator-credential', 'warning', /valid for 1d$/],
  [{ authority: { ...WELL.authority, rootNotAfterMs: NOW_MS + DAY_MS } }, 'root', 'warning', /1d$/],
  [{ authority: { ...WELL.authority, rootNotAfterMs: NOW_MS } }, 'root', 'failed', /has expired/],
  [
    { authority: { ...WELL.authority, issuerNotAfterMs: NOW_MS } },
    'issuer',
    'failed',
    /has expired/,
  ],
  [
    { controlPlanes: [CONTROL_PLANE, { ...FOLLOWER, softwareVersion: '2.0.0' }] },
    'control-planes',
    'warning',
    /2 versions: 1\.0\.0, 2\.0\.0/,
  ],
  [
    { controlPlanes: [FOLLOWER, FOLLOWER] },
    'control-planes',
    'failed',
    /^none of 2 control planes leads/,
  ],
  [
    {
      federated: [
        {
          trustDomain: 'partner',
          roots: [],
          refreshedMs: 0,
          failingSinceMs: NOW_MS - 60_000,
          failure: 'refused',
        },
      ],
    },
    'federation',
    'failed',
    /^the bundle of partner has not been refreshed for 1m: refused$/,
  ],
];

test('a mesh in which all is well has nothing to look at', (t) => {
  const findings = checkMesh(WELL);
  t.true(findings.length >= 12);
  t.deepEqual(
    findings.filter(({ state, remedy }) => state !== 'ok' || remedy !== undefined),
    [],
  );
});

for (const [change, check, state, sentence] of CASES) {
  test(`${state}: ${check} ${sentence}`, (t) => {
    const findings = checkMesh({ ...WELL, ...change });
    const said = findings.filter((finding) => finding.state !== 'ok');
    t.deepEqual(
      said.map((finding) => [finding.check, finding.state]),
      [[check, state]],
    );
    t.regex(said[0]?.sentence ?? '', sentence);
    t.not(said[0]?.remedy ?? '', '', 'what to do');
  });
}
