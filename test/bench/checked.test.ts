import test from 'ava';
import { WORKLOADS } from '../../bench/workloads/all-workloads.ts';

test('the short run of CI measures sidecars and a gateway, and each of its workloads can fail it', (t) => {
  const checked = WORKLOADS.filter(({ inRuns }) => inRuns.includes('check'));
  t.true(checked.some(({ id }) => id === 'gateway-http1-32'));
  t.true(checked.some(({ id }) => id === 'keep-alive-256'));
  for (const { id, metrics } of checked) {
    t.true(
      metrics.some(({ alarm }) => alarm !== undefined),
      id,
    );
  }
});

test('it can fail by the processor time of a request, a connection and a GiB, and by memory', (t) => {
  const judged = WORKLOADS.filter(({ inRuns }) => inRuns.includes('check')).flatMap(({ metrics }) =>
    metrics.filter(({ alarm }) => alarm !== undefined).map(({ title }) => title),
  );
  for (const what of ['CPU a request', 'CPU a connection', 'CPU a GiB', 'RSS']) {
    t.true(
      judged.some((title) => title.startsWith(what)),
      what,
    );
  }
});
