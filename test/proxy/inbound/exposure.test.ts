import test from 'ava';
import { createExposure } from '../../../proxy/inbound/exposure.ts';

const target = { address: '127.0.0.1', port: 3000 };
const resolve = createExposure([{ port: 8080, target }], () => [
  '10.0.0.7',
  '127.0.0.1',
  '::1',
  'fe80::1',
]);

test('an exposed port leads to the application, under every address of the host', (t) => {
  for (const address of ['10.0.0.7', '127.0.0.1', '::1', '0:0:0:0:0:0:0:1', '::ffff:10.0.0.7']) {
    t.deepEqual(resolve({ address, port: 8080 }), { kind: 'target', target });
  }
});

test('a port that is not exposed is refused, even the one that the application listens on', (t) => {
  for (const port of [3000, 15_000, 15_020, 22]) {
    t.deepEqual(resolve({ address: '10.0.0.7', port }), { kind: 'refused', reason: 'not-exposed' });
  }
});

test('an address of another host is refused', (t) => {
  for (const address of ['10.0.0.8', '8.8.8.8', 'fd00::1', '169.254.169.254', '0.0.0.0', '::']) {
    t.deepEqual(resolve({ address, port: 8080 }), {
      kind: 'refused',
      reason: 'wrong-destination',
    });
  }
});
