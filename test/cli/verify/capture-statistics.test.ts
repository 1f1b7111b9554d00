import test from 'ava';
import { readStatistics } from '../../../cli/verify/capture-statistics.ts';

const BEGIN =
  'tcpdump: listening on eth0, link-type EN10MB (Ethernet), snapshot length 262144 bytes\n';

test('what tcpdump counted is read', (t) => {
  const said = `${BEGIN}143 packets captured\n146 packets received by filter\n0 packets dropped by kernel\n`;
  t.deepEqual(readStatistics(said), { captured: 143, received: 146, dropped: 0 });
});

test('what the kernel and the interface dropped counts together', (t) => {
  const said =
    '1 packet captured\n1 packet received by filter\n2 packets dropped by kernel\n' +
    '3 packets dropped by interface\n';
  t.deepEqual(readStatistics(said), { captured: 1, received: 1, dropped: 5 });
});

for (const missing of ['captured', 'received by filter', 'dropped by kernel']) {
  test(`without "${missing}" nothing is known`, (t) => {
    const lines = [
      '1 packets captured',
      '1 packets received by filter',
      '0 packets dropped by kernel',
    ];
    const said = lines.filter((line) => !line.endsWith(missing)).join('\n');
    t.is(readStatistics(said), undefined);
  });
}
