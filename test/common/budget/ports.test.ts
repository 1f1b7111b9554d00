import { readFileSync } from 'node:fs';
import test from 'ava';
import { countLocalPorts, PortBudget } from '../../../common/budget/ports.ts';
import { peerShare } from '../../../common/budget/shared-budget.ts';

const a = peerShare('a');
const b = peerShare('b');

test('nobody takes all ports to a place, and other places have their own', (t) => {
  const ports = new PortBudget(16);
  for (let taken = 0; taken < 4; taken += 1) t.is(ports.take('127.0.0.1:80', a), undefined);
  t.is(ports.take('127.0.0.1:80', a), 'share-used-up');
  t.is(ports.take('127.0.0.1:80', b), undefined);
  t.is(ports.take('127.0.0.1:81', a), undefined);
  ports.give('127.0.0.1:80', a);
  t.is(ports.take('127.0.0.1:80', a), undefined);
  ports.give('127.0.0.1:99', a);
});

test('the range of the system is what there is', (t) => {
  if (process.platform !== 'linux') return void t.is(countLocalPorts(), 16_384);
  const text = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'latin1');
  const [first = 0, last = 0] = text.trim().split(/\s+/).map(Number);
  t.is(countLocalPorts(), last - first + 1);
});
