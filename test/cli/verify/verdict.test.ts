/** One flaw in the evidence, one check that fails. */
import test from 'ava';
import type { ProbeOutcome } from '../../../cli/verify/agent/agent-task.ts';
import type { Evidence } from '../../../cli/verify/evidence.ts';
import { formatReport } from '../../../cli/verify/report.ts';
import { hasPassed, judge, type CheckName } from '../../../cli/verify/verdict.ts';

const TUNNELS = {
  address: '10.0.0.2',
  port: 15_008,
  connections: 4,
  connectionsNotTls: 0,
  bytesTo: 2_000,
  bytesFrom: 2_000,
  encryptedBytesTo: 2_000,
  encryptedBytesFrom: 2_000,
  versions: ['TLS 1.3'],
  serverNames: [],
  protocols: ['h2'],
};
const REFUSED: ProbeOutcome = { probe: 'no-certificate', result: 'refused', detail: 'hung up' };

const SOUND: Evidence = {
  from: 'web',
  to: 'api',
  called: { host: '10.0.0.2', port: 40_000 },
  peer: { host: '10.0.0.2', port: 15_008 },
  networkInterface: 'eth0',
  durationMs: 1_234,
  application: {
    sent: 2,
    answered: 2,
    received: 2,
    receivedBy: 'the application',
    bytesThere: 1_000,
    bytesBack: 1_000,
    failure: undefined,
  },
  capture: { captured: 100, received: 100, dropped: 0 },
  wire: {
    frames: 100,
    bytes: 9_000,
    truncatedFrames: 0,
    gaps: 0,
    canaries: [0, 0],
    servers: [TUNNELS],
  },
  probes: [REFUSED],
};

const { application, capture, wire } = SOUND;

function tunnels(changes: Partial<typeof TUNNELS>): Evidence {
  return { ...SOUND, wire: { ...wire, servers: [{ ...TUNNELS, ...changes }] } };
}

function failures(evidence: Evidence): CheckName[] {
  const failed = judge(evidence).filter(({ outcome }) => outcome === 'fail');
  return failed.map(({ check }) => check);
}

test('sound evidence passes', (t) => {
  t.deepEqual(failures(SOUND), []);
  t.true(hasPassed(judge(SOUND)));
  t.regex(formatReport(SOUND), /\npassed: the traffic between the two is encrypted on the wire\n$/);
});

const FLAWS: readonly (readonly [string, Evidence, CheckName])[] = [
  [
    'nothing was captured',
    { ...SOUND, capture: { captured: 0, received: 0, dropped: 0 }, wire: { ...wire, frames: 0 } },
    'capture',
  ],
  ['a packet was dropped', { ...SOUND, capture: { ...capture, dropped: 1 } }, 'capture'],
  ['the file has fewer packets', { ...SOUND, wire: { ...wire, frames: 99 } }, 'capture'],
  ['a packet was cut', { ...SOUND, wire: { ...wire, truncatedFrames: 1 } }, 'capture'],
  ['bytes are missing', { ...SOUND, wire: { ...wire, gaps: 1 } }, 'capture'],
  [
    'the application missed one',
    { ...SOUND, application: { ...application, received: 1 } },
    'canary-at-application',
  ],
  [
    'an answer was missed',
    { ...SOUND, application: { ...application, answered: 1 } },
    'canary-at-application',
  ],
  [
    'nothing was sent',
    { ...SOUND, application: { ...application, sent: 0, received: 0, answered: 0 } },
    'canary-at-application',
  ],
  ['a canary there', { ...SOUND, wire: { ...wire, canaries: [1, 0] } }, 'canary-on-wire'],
  ['a canary back', { ...SOUND, wire: { ...wire, canaries: [0, 1] } }, 'canary-on-wire'],
  ['too little there', tunnels({ encryptedBytesTo: 999 }), 'encrypted-on-wire'],
  ['too little back', tunnels({ encryptedBytesFrom: 999 }), 'encrypted-on-wire'],
  ['plaintext to the sidecar', tunnels({ connectionsNotTls: 1 }), 'encrypted-on-wire'],
  ['an old version', tunnels({ versions: ['TLS 1.2', 'TLS 1.3'] }), 'tls-version'],
  ['no handshake', tunnels({ versions: [] }), 'tls-version'],
  [
    'a stranger came in',
    { ...SOUND, probes: [{ ...REFUSED, result: 'accepted' }] },
    'no-certificate',
  ],
  [
    'nobody was there to refuse',
    { ...SOUND, probes: [{ ...REFUSED, result: 'unclear' }] },
    'no-certificate',
  ],
];

for (const [what, evidence, check] of FLAWS) {
  test(`it fails when ${what}`, (t) => {
    t.deepEqual(failures(evidence), [check]);
    t.false(hasPassed(judge(evidence)));
    t.regex(formatReport(evidence), /\n {2}FAILED {5}[^\n]+\n/);
    t.regex(formatReport(evidence), /\nfailed: [^\n]+\n$/);
  });
}

test('it fails when the tunnel went by elsewhere', (t) => {
  t.deepEqual(failures(tunnels({ port: 443 })), ['encrypted-on-wire', 'tls-version']);
});

test('what was not tried is named, and does not fail', (t) => {
  const probe: ProbeOutcome = { probe: 'wrong-identity', result: 'not-tried', detail: 'give it' };
  const evidence = { ...SOUND, probes: [probe] };
  t.true(hasPassed(judge(evidence)));
  t.regex(formatReport(evidence), /not tried {2}a client with the wrong identity {2}give it/);
});
