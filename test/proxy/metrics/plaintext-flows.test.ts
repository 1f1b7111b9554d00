import test from 'ava';
import { PlaintextFlows } from '../../../proxy/metrics/plaintext-flows.ts';

test('flows are told apart by direction, address and port, the most used first', (t) => {
  const flows = new PlaintextFlows();
  flows.count('outbound', '192.0.2.1', 443);
  flows.count('outbound', '192.0.2.1', 80);
  flows.count('inbound', '192.0.2.1', 80);
  flows.count('outbound', '192.0.2.1', 80);
  t.deepEqual(flows.summary(), {
    connections: 4,
    flows: 3,
    mostUsed: [
      { inbound: false, address: '192.0.2.1', port: 80, connections: 2 },
      { inbound: false, address: '192.0.2.1', port: 443, connections: 1 },
      { inbound: true, address: '192.0.2.1', port: 80, connections: 1 },
    ],
  });
});

test('a summary does not change afterwards', (t) => {
  const flows = new PlaintextFlows();
  flows.count('inbound', '192.0.2.1', 1);
  const before = flows.summary();
  flows.count('inbound', '192.0.2.1', 1);
  t.is(before.mostUsed[0]?.connections, 1);
  t.is(flows.summary().mostUsed[0]?.connections, 2);
});

test('a scanner costs a bounded memory, and every connection is counted', (t) => {
  const flows = new PlaintextFlows();
  for (let port = 1; port <= 5_000; port += 1) flows.count('inbound', '192.0.2.1', port);
  flows.count('inbound', '192.0.2.1', 3);
  const { connections, flows: distinct, mostUsed } = flows.summary();
  t.deepEqual([connections, distinct, mostUsed.length], [5_001, 1_000, 10]);
  t.is(mostUsed[0]?.port, 3);
});
