import test from 'ava';
import { renderReport } from './render.ts';
import type { ChaosReport } from './report.ts';

const REPORT: ChaosReport = {
  seed: 4,
  minutes: 1,
  command: 'npm run chaos -- --seed 4 --minutes 1',
  tookMs: 90_300,
  rounds: [
    {
      faults: [
        { name: 'clock', targets: ['web-0'], afterMs: 0, lastsMs: 5_000, variant: 1 },
        { name: 'compaction', targets: ['etcd'], afterMs: 10, lastsMs: 0, variant: 0 },
      ],
      healedMs: 2_340,
    },
  ],
  violations: [],
  writes: { acknowledged: 100, failed: 3 },
  refusedAttacks: 12,
  usesInTime: 80,
  packets: { seen: 1_000, lost: 0 },
  certificates: 9,
  exits: [],
};

test('a run in which all held', (t) => {
  t.is(
    renderReport(REPORT),
    `seed 4: 2 faults in 1 rounds, 90.3 s, the longest heal took 2.3 s
  100 writes acknowledged, 3 failed; 12 attacks refused, 80 uses of stolen certificates in time; 9 certificates; 1000 packets seen, 0 lost
  held   no-plaintext
  held   no-forbidden-connection
  held   no-expired-certificate
  held   no-lost-write
  held   whole-issuance-log
  held   heals
`,
  );
});

test('what broke, when, and how it is made to happen again', (t) => {
  const violation = { invariant: 'heals', sentence: 'web-0 is not ready', atMs: 61_000 } as const;
  const text = renderReport({ ...REPORT, violations: [violation], exits: ['web-0 (1)'] });
  t.regex(text, /BROKEN heals\n +after 61\.0 s: web-0 is not ready\n/);
  t.regex(text, /ended by themselves: web-0 \(1\)/);
  t.true(text.endsWith('the same schedule again: npm run chaos -- --seed 4 --minutes 1\n'));
});
