// The rotation of the root as a state machine: whatever happens in whatever order, no sidecar with a
// valid certificate is left with a peer that does not believe it.
import test from 'ava';
import fc from 'fast-check';
import {
  abort,
  abortRefusal,
  advance,
  begin,
  trustedRoots,
  type Trust,
} from '../../../../control-plane/ca/authorities/trust.ts';
import {
  certificatesInUse,
  judge,
  type LoggedCertificate,
  type SidecarState,
} from '../../../../control-plane/ca/rotation/progress.ts';
import { RotationModel, type ModelEvent } from './rotation-model.ts';

const stable: Trust = { bundleVersion: 7, signing: 'old' };
const prepared = begin(stable, 'new', { nowMs: 1_000, bridged: true });
const signing = advance(prepared, 2_000);

const steps = [
  'deliver',
  'acknowledge',
  'ask-renewal',
  'take-renewal',
  'lose-renewal',
  'part',
  'return',
  'die',
] as const;
const anyEvent: fc.Arbitrary<ModelEvent> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constant('sidecar'),
      step: fc.constantFrom(...steps),
      at: fc.nat(4),
    }),
  },
  { weight: 4, arbitrary: fc.constant<ModelEvent>({ kind: 'judge' }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('begin'), bridged: fc.boolean() }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('pass'), ms: fc.integer({ min: 1, max: 40 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('abort', 'crash', 'join') }) },
);
const events = fc.array(anyEvent, { maxLength: 120, size: 'max' });

test('no order of events leaves a sidecar with a peer that it does not believe', (t) => {
  let finished = 0;
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 3 }), events, (sidecars, order) => {
      const model = new RotationModel(sidecars);
      for (const event of order) {
        const before = model.trust;
        model.apply(event);
        if (before.rotation?.phase === 'signing' && model.trust.rotation === undefined)
          finished += 1;
        const strangers = model.strangers();
        if (strangers.length > 0) throw new Error(`after ${event.kind}: ${strangers.join(', ')}`);
      }
    }),
    { numRuns: 3_000 },
  );
  t.true(finished > 100, `rotations came to their end: ${finished}`);
});

test('a rotation always comes to its end when everybody takes part', (t) => {
  t.notThrows(() =>
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 3 }), events, (sidecars, order) => {
        const model = new RotationModel(sidecars);
        for (const event of order) model.apply(event);
        model.settle();
        return model.trust.rotation === undefined && model.strangers().length === 0;
      }),
      { numRuns: 1_000 },
    ),
  );
});

test('the model would notice a root that is dropped too early', (t) => {
  const model = new RotationModel(2);
  for (const at of [0, 1]) model.apply({ kind: 'sidecar', step: 'return', at });
  model.apply({ kind: 'begin', bridged: true });
  model.trust = advance(advance(model.trust, model.nowMs), model.nowMs);
  model.apply({ kind: 'sidecar', step: 'deliver', at: 0 });
  t.deepEqual(model.strangers(), [
    'sidecar-0 does not believe sidecar-0 under root-0',
    'sidecar-0 does not believe sidecar-1 under root-0',
  ]);
});

test('each phase trusts and signs as the table says', (t) => {
  t.deepEqual([trustedRoots(stable), stable.signing], [['old'], 'old']);
  t.deepEqual([trustedRoots(prepared), prepared.signing], [['old', 'new'], 'old']);
  t.deepEqual([trustedRoots(signing), signing.signing], [['new', 'old'], 'new']);
  const done = advance(signing, 3_000);
  t.deepEqual([trustedRoots(done), done.signing, done.rotation], [['new'], 'new', undefined]);
  t.is(advance(done, 4_000), done, 'nothing comes after stable');
  const versions = [stable, prepared, signing, done].map(({ bundleVersion }) => bundleVersion);
  t.deepEqual(versions, [7, 8, 9, 10], 'everybody takes up each of them');
});

test('it can be aborted until the former root is dropped', (t) => {
  const early = abort(prepared, 2_000);
  t.deepEqual([trustedRoots(early), early.bundleVersion], [['old'], 9]);
  t.is(early.rotation, undefined);

  const late = abort(signing, 3_000);
  t.deepEqual(trustedRoots(late), ['old', 'new']);
  t.like(late.rotation, { phase: 'signing', from: 'new', to: 'old', returning: true });
  t.deepEqual(trustedRoots(advance(late, 4_000)), ['old']);
});

test('it cannot be aborted when there is nothing to go back to', (t) => {
  t.is(abortRefusal(stable), 'no-rotation');
  t.is(abort(stable, 1), stable);
  t.is(abortRefusal(abort(signing, 3_000)), 'returning');
  const compromised = begin(stable, 'new', { nowMs: 1_000, bridged: true, deadlineMs: 9_000 });
  t.is(abortRefusal(compromised), undefined);
  t.is(abortRefusal(advance(compromised, 2_000)), 'compromised');
});

const sidecar = (changes: Partial<SidecarState> = {}): SidecarState => ({
  instanceId: 'a',
  spiffeId: 'spiffe://mesh.local/ns/shop/sa/web',
  connected: true,
  expected: true,
  bundleVersion: 8,
  certificateSerial: '1',
  ...changes,
});
const certificate = (changes: Partial<LoggedCertificate> = {}): LoggedCertificate => ({
  serial: '1',
  spiffeId: 'spiffe://mesh.local/ns/shop/sa/web',
  root: 'old',
  issuedMs: 500,
  notAfterMs: 10_000,
  ...changes,
});

test('who is there and has not acknowledged is named; who is away is listed and holds nothing up', (t) => {
  const { rotation } = prepared;
  if (rotation === undefined) return t.fail();
  const progress = judge(rotation, {
    nowMs: 2_000,
    overdue: false,
    certificates: [certificate()],
    sidecars: [
      sidecar(),
      sidecar({ instanceId: 'frozen', bundleVersion: 7 }),
      sidecar({ instanceId: 'restarting', connected: false, bundleVersion: 0 }),
      sidecar({ instanceId: 'gone', connected: false, expected: false, bundleVersion: 7 }),
    ],
  });
  t.deepEqual(
    progress.blockers.map((blocker) => blocker.instanceId),
    ['frozen', 'restarting'],
  );
  t.deepEqual(
    progress.away.map(({ instanceId }) => instanceId),
    ['gone'],
  );
  t.deepEqual([progress.done, progress.total, progress.complete], [1, 3, false]);
});

test('without a cross-signature nobody is away: every holder of a certificate has to be heard', (t) => {
  const { rotation } = begin(stable, 'new', { nowMs: 1_000, bridged: false });
  if (rotation === undefined) return t.fail();
  const facts = {
    nowMs: 2_000,
    overdue: false,
    sidecars: [sidecar()],
    certificates: [
      certificate(),
      certificate({ serial: '2', spiffeId: 'away' }),
      // Came with a bundle that has both.
      certificate({ serial: '3', issuedMs: 1_001 }),
    ],
  };
  const progress = judge(rotation, facts);
  t.like(progress.blockers, [{ kind: 'certificate', serial: '2', connected: false }]);
  t.is(progress.blockers.length, 1);
  t.true(judge(rotation, { ...facts, nowMs: 10_001 }).complete, 'until it has expired');
});

test('who is connected and never acknowledges is left behind, by name, when patience is over', (t) => {
  const facts = {
    nowMs: 2_000,
    sidecars: [
      sidecar(),
      sidecar({ instanceId: 'silent', bundleVersion: 7, certificateSerial: '2' }),
    ],
    certificates: [certificate(), certificate({ serial: '2' })],
  };
  for (const bridged of [true, false]) {
    const { rotation } = begin(stable, 'new', { nowMs: 1_000, bridged });
    if (rotation === undefined) return t.fail();
    const waiting = judge(rotation, { ...facts, overdue: false });
    t.like(waiting, { complete: false, blockers: [{ kind: 'sidecar', instanceId: 'silent' }] });
    const over = judge(rotation, { ...facts, overdue: true });
    t.like(over.away, [{ instanceId: 'silent' }]);
    // Nothing vouches for the new root without a cross-signature: its certificate ends the wait.
    t.is(over.complete, bridged);
    t.true(judge(rotation, { ...facts, overdue: true, nowMs: 10_001 }).complete);
  }
});

test('a stolen key is not waited for beyond the deadline', (t) => {
  const { rotation } = begin(stable, 'new', { nowMs: 1_000, bridged: true, deadlineMs: 5_000 });
  if (rotation === undefined) return t.fail();
  const facts = {
    overdue: false,
    certificates: [],
    sidecars: [sidecar({ bundleVersion: 1 })],
  };
  t.false(judge(rotation, { ...facts, nowMs: 2_999 }).complete);
  const overdue = judge(rotation, { ...facts, nowMs: 3_000 });
  t.true(overdue.complete, 'half of the grace is for this phase');
  t.is(overdue.blockers.length, 1, 'and is named all the same');

  const late = { ...rotation, phase: 'signing', phaseStartedMs: 3_000 } as const;
  const old = { overdue: false, sidecars: [sidecar()], certificates: [certificate()] };
  t.false(judge(late, { ...old, nowMs: 4_999 }).complete, 'and half for the other one');
  t.true(judge(late, { ...old, nowMs: 5_000 }).complete);
});

test('after a theft nobody is waited for who is not connected', (t) => {
  const { rotation } = begin(stable, 'new', { nowMs: 1_000, bridged: true, deadlineMs: 5_000 });
  if (rotation === undefined) return t.fail();
  const sidecars = [sidecar({ connected: false, bundleVersion: 1 })];
  t.true(judge(rotation, { nowMs: 1_000, overdue: false, certificates: [], sidecars }).complete);
  const routine = { ...rotation, deadlineMs: undefined };
  t.false(judge(routine, { nowMs: 1_000, overdue: false, certificates: [], sidecars }).complete);
});

test('a certificate is in use until a later one of its line was seen', (t) => {
  const line = [certificate(), certificate({ serial: '2', root: 'new', replaces: '1' })];
  const inUse = (sidecars: SidecarState[], certificates = line): string[] =>
    certificatesInUse({ nowMs: 2_000, sidecars, certificates }).map(({ serial }) => serial);
  t.deepEqual(inUse([]), ['1', '2'], 'the answer may have been lost');
  t.deepEqual(inUse([sidecar()]), ['1', '2']);
  t.deepEqual(inUse([sidecar({ certificateSerial: '2' })]), ['2']);
  t.deepEqual(inUse([sidecar({ certificateSerial: '2', connected: false })]), ['2']);
  const third = certificate({ serial: '3', root: 'new', replaces: '2' });
  t.deepEqual(inUse([], [...line, third]), ['2', '3'], 'it was renewed, so that it had arrived');
  const clone = sidecar({ instanceId: 'clone', certificateSerial: '1' });
  t.deepEqual(inUse([sidecar({ certificateSerial: '2' }), clone]), ['1', '2'], 'somebody shows it');
  t.deepEqual(inUse([], [certificate({ notAfterMs: 2_000 })]), []);
});
