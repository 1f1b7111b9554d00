import test from 'ava';
import { judge, type LabFacts } from '../../examples/etcd-cluster/lab/report.ts';
import { runEtcdClusterExample } from '../helpers/etcd/etcd-cluster-example.ts';

const CAPTURED = { packets: 100, dropped: 0, outsideMesh: 0 };

const GOOD: LabFacts = {
  seconds: 60,
  calls: { puts: 10, gets: 10, failures: [], slowestMs: 20 },
  watched: 10,
  leader: { before: { leader: 'etcd-2', term: 2 }, after: { leader: 'etcd-2', term: 2 } },
  unrest: { leaderChanges: 0, lostStreams: 0 },
  rotations: { 'etcd-1': 9, client: 9 },
  wire: { ...CAPTURED, readableKeys: 0, readableValues: 0 },
  loopback: { ...CAPTURED, readableKeys: 20, readableValues: 20 },
  attempts: [
    {
      from: 'stranger',
      address: '127.0.10.1:2380',
      expected: 'denied-caller',
      outcome: 'denied-caller',
      denials: 1,
    },
  ],
};

const [ATTEMPT] = GOOD.attempts;

/** Each differs in one fact from a run that passes. */
const BAD: readonly (readonly [what: string, facts: Partial<LabFacts>, problem: RegExp])[] = [
  [
    'a failed call',
    { calls: { ...GOOD.calls, failures: ['put by etcd-1: no'] } },
    /^put by etcd-1/,
  ],
  ['no call', { calls: { ...GOOD.calls, puts: 0 }, watched: 0 }, /^nothing was put$/],
  ['a put that the watch missed', { watched: 9 }, /saw 9 of 10 puts/],
  [
    'another leader',
    { leader: { ...GOOD.leader, after: { leader: 'etcd-1', term: 2 } } },
    /leader has changed/,
  ],
  [
    'the same leader, elected again',
    { leader: { ...GOOD.leader, after: { leader: 'etcd-2', term: 3 } } },
    /leader has changed/,
  ],
  ['a leader that was away', { unrest: { leaderChanges: 2, lostStreams: 0 } }, /2 leader changes/],
  ['a lost stream', { unrest: { leaderChanges: 0, lostStreams: 1 } }, /broke 1 times/],
  ['a certificate that stayed', { rotations: { client: 0 } }, /of client was not renewed/],
  ['an empty capture', { wire: { ...GOOD.wire, packets: 0 } }, /nothing was captured/],
  ['a capture with holes', { wire: { ...GOOD.wire, dropped: 1 } }, /not captured/],
  ['a readable key', { wire: { ...GOOD.wire, readableKeys: 1 } }, /readable on the wire/],
  ['a readable value', { wire: { ...GOOD.wire, readableValues: 1 } }, /readable on the wire/],
  ['other traffic', { wire: { ...GOOD.wire, outsideMesh: 3 } }, /^3 packets .* not of the mesh/],
  [
    'a search that finds nothing',
    { loopback: { ...GOOD.loopback, readableValues: 0 } },
    /proves nothing/,
  ],
  [
    'an open door',
    { attempts: ATTEMPT === undefined ? [] : [{ ...ATTEMPT, outcome: 'answered' }] },
    /^stranger -> 127.0.10.1:2380 should be denied-caller, but was answered$/,
  ],
];

test('a run in which all is well has no problems', (t) => {
  t.deepEqual(judge(GOOD), []);
});

for (const [what, facts, problem] of BAD) {
  test(`a run does not pass with ${what}`, (t) => {
    const problems = judge({ ...GOOD, ...facts });
    t.is(problems.length, 1);
    t.regex(problems[0] ?? '', problem);
  });
}

test('the command says what is wrong with its arguments', async (t) => {
  for (const [args, sentence] of [
    [['--seconds', '0'], /--seconds takes a whole number from 1 to 86400, not 0/],
    [['--second', '5'], /Unknown option '--second'/],
  ] as const) {
    const { code, stdout, stderr } = await runEtcdClusterExample(t, args).ended;
    t.is(code, 2);
    t.is(stdout, '');
    t.regex(stderr, sentence);
  }
});
