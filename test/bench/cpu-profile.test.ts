import test from 'ava';
import { hottestFunctions, type CpuProfile } from '../../bench/results/cpu-profile.ts';

const frame = (functionName: string, url: string, lineNumber: number) => ({
  functionName,
  url,
  lineNumber,
});

const PROFILE: CpuProfile = {
  startTime: 1_000,
  nodes: [
    { id: 1, callFrame: frame('(idle)', '', -1) },
    { id: 2, callFrame: frame('write', 'file:///home/a/proxy/tunnel/frames.ts', 9) },
    { id: 3, callFrame: frame('', 'node:net', 4) },
    { id: 4, callFrame: frame('write', 'file:///home/a/proxy/tunnel/frames.ts', 9) },
  ],
  samples: [2, 1, 2, 3, 4, 3],
  timeDeltas: [100, 1_000, 200, 100, 100, 100],
};

const ALL = { fromUs: 0, toUs: 10_000 };

test('time in a function is added up over its callers, and waiting is no time', (t) => {
  const [first, second, ...others] = hottestFunctions(PROFILE, ALL, 10);
  t.like(first, { name: 'write', place: 'proxy/tunnel/frames.ts:10', selfMs: 0.4 });
  t.is(first?.share, 400 / 600);
  t.like(second, { name: '(anonymous)', place: 'node:net:5', selfMs: 0.2 });
  t.deepEqual(others, []);
});

test('what was before and after does not count', (t) => {
  t.like(hottestFunctions(PROFILE, { fromUs: 2_200, toUs: 2_450 }, 10), [
    { name: 'write', selfMs: 0.2 },
    { name: '(anonymous)', selfMs: 0.1 },
  ]);
  t.is(hottestFunctions(PROFILE, ALL, 1).length, 1);
});
