import test from 'ava';
import { readSummary } from '../../tools/ava-summary.ts';

test('counts come from the end of what AVA printed', (t) => {
  const output = `
  ✔ pki › csr › 3 tests passed
  - [skip]: metrics › promtool is content # needs promtool
  \u001b[32m12 tests passed\u001b[39m
  1 test skipped
`;
  t.deepEqual(readSummary(output, 0), {
    passed: 12,
    failed: 0,
    failures: [],
    skipped: ['metrics › promtool is content # needs promtool'],
  });
});

test('every kind of failure counts', (t) => {
  const output =
    '  ✔ it works\n  2 tests failed\n  1 uncaught exception\n  1 test remained pending after a timeout\n';
  t.deepEqual(readSummary(output, 1), { passed: 1, failed: 4, failures: [], skipped: [] });
});

test('tests that failed are named', (t) => {
  const output =
    '  ✘ [fail]: proxy › routes › http1 › it works\n  ✔ one more\n  ─\n  1 test failed\n';
  t.deepEqual(readSummary(output, 1), {
    passed: 1,
    failed: 1,
    failures: ['proxy › routes › http1 › it works'],
    skipped: [],
  });
});

test('a run that fails in an unknown way is a failure', (t) => {
  t.is(readSummary('  5 tests passed\n', 1).failed, 1);
  t.is(readSummary('', null).failed, 1);
});
