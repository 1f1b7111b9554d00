import test from 'ava';
import { parseStubStatus } from '../../bench/lab/app.ts';
import { planCores } from '../../bench/lab/placement.ts';
import { parseTurns } from '../../bench/measure/event-loop.ts';
import {
  parseCpuTime,
  parseMachineBusyMs,
  parseResidentBytes,
} from '../../bench/measure/process-usage.ts';
import { parseH2loadErrors, parseH2loadLog } from '../../bench/measure/h2load.ts';
import { parseWrkOutput } from '../../bench/measure/wrk.ts';
import { median, quantile, spread } from '../../bench/results/statistics.ts';

test('processor time is found after a name with spaces and brackets', (t) => {
  const stat =
    '42 (a (b) c) S 1 42 42 0 -1 4194304 100 0 0 0 123 45 7 8 20 0 11 0 1000 1 1 1 1 1 1';
  t.deepEqual(parseCpuTime(stat), { userMs: 1230, systemMs: 450 });
});

test('turns of the event loop are read where they are counted', (t) => {
  const type = '# TYPE hauberk_event_loop_turns_total counter\n';
  t.is(parseTurns(`${type}hauberk_event_loop_turns_total 42\n`), 42);
  t.is(parseTurns('envoy_server_uptime 7\n'), Number.NaN);
});

test('resident memory is read in bytes', (t) => {
  t.is(parseResidentBytes('VmPeak:\t  999 kB\nVmRSS:\t   1024 kB\nThreads:\t1\n'), 1024 * 1024);
  t.is(parseResidentBytes('Threads:\t1\n'), Number.NaN);
});

test('time in which the machine waited does not count as busy', (t) => {
  t.is(parseMachineBusyMs('cpu  10 20 30 4000 5000 6 7 0 0 0\ncpu0 1 1 1 1\n'), 730);
});

test('the requests of stub_status are its third number', (t) => {
  const text =
    'Active connections: 1 \nserver accepts handled requests\n 5 6 7 \nReading: 0 Writing: 1 Waiting: 0 \n';
  t.is(parseStubStatus(text), 7);
});

test('what the script of wrk prints is found among what wrk prints', (t) => {
  const output = `Running 2m test @ http://127.0.0.1:1/
  1 threads and 32 connections
Requests/sec:  1000.00

bench {"requests":10,"durationUs":2000000,"recorded":10,"kept":8,"p50Us":1,"p90Us":2,"p99Us":3,"p999Us":4,"errors":{"connect":1,"read":2,"write":0,"status":3,"timeout":0}}`;
  t.deepEqual(parseWrkOutput(output), {
    requests: 10,
    durationUs: 2_000_000,
    p50Us: 1,
    p90Us: 2,
    p99Us: 3,
    p999Us: 4,
    errors: 6,
  });
  t.is(parseWrkOutput('Running 2m test'), undefined);
});

test('of h2load, what failed is counted, and what ended between two moments', (t) => {
  const output = `finished in 4.00s, 92772.33 req/s, 17.16MB/s
requests: 278317 total, 278317 started, 278317 done, 278310 succeeded, 7 failed, 5 errored, 1 timeout
status codes: 278310 2xx, 1 3xx, 2 4xx, 4 5xx`;
  t.is(parseH2loadErrors(output), 7 + 5 + 1 + 1 + 2 + 4);
  t.is(parseH2loadErrors('starting benchmark...'), undefined);
  const log = '1000\t200\t50\n1000\t200\t100\n1100\t200\t99\n1100\t200\t100\n';
  t.deepEqual(parseH2loadLog(log, 1100, 1200), [100, 99]);
});

test('medians and quantiles', (t) => {
  t.is(median([3, 1, 2]), 2);
  t.is(median([4, 1, 2, 3]), 2.5);
  t.is(median([]), Number.NaN);
  t.is(quantile([10, 20, 30, 40, 50], 0.9), 46);
  t.is(spread([90, 100, 110]), 0.1);
  t.is(spread([100]), 0);
});

test('sidecars have cores of their own where there are enough, and never more than two', (t) => {
  t.deepEqual(planCores(1), { sidecarCores: '0', workerCores: '0', loadCores: '0' });
  t.deepEqual(planCores(2), { sidecarCores: '0,1', workerCores: '0,1', loadCores: '0,1' });
  t.deepEqual(planCores(4), { sidecarCores: '0,1', workerCores: '0,1', loadCores: '2,3' });
  t.deepEqual(planCores(64), { sidecarCores: '0,1', workerCores: '0,1,4-63', loadCores: '2,3' });
});
