import test from 'ava';
import { splitTimeline } from '../../bench/workloads/rotation.ts';
import { parseHandshakes } from '../../bench/workloads/tunnels.ts';

test('requests around a rotation are told from the quiet ones, and the warm-up is neither', (t) => {
  const slices = Array.from({ length: 100 }, (_, at) => [at]);
  const timeline = { failures: 0, startMs: 1_000_000, sliceMs: 100, slices };
  const { around, quiet } = splitTimeline(timeline, [1_006_000]);
  t.deepEqual(around, slices.slice(55, 75).flat());
  t.deepEqual(quiet, [...slices.slice(30, 55), ...slices.slice(75)].flat());
});

test('without a rotation all seconds are quiet', (t) => {
  const timeline = { failures: 0, startMs: 0, sliceMs: 1_000, slices: [[1], [2], [3], [4], [5]] };
  t.deepEqual(splitTimeline(timeline, []), { around: [], quiet: [4, 5] });
});

test('what openssl s_time counts is read', (t) => {
  const output =
    'Collecting connection statistics for 2 seconds\n**\n\n812 connections in 0.52s; 1561.54 connections/user sec, bytes read 0\n812 connections in 3 real seconds, 0 bytes read per connection';
  t.is(parseHandshakes(output), 812);
  t.is(parseHandshakes('connect error'), Number.NaN);
});
