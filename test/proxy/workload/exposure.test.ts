import test from 'ava';
import { createExposure } from '../../../proxy/workload/exposure.ts';
import { createOwnAddresses } from '../../../proxy/workload/own-addresses.ts';
import { createLogRecorder } from '../../helpers/log-recorder.ts';
import { createManualClock } from '../../helpers/manual-clock.ts';

const { logger } = createLogRecorder();

const own = createOwnAddresses({
  logger,
  clock: createManualClock(),
  advertised: '203.0.113.9',
  read: () => ['10.0.0.7', '127.0.0.1', '::1', 'fe80::1', 'fd00::7'],
});
const target = { address: '127.0.0.1', port: 3000 };
const listed = {
  ports: [{ port: 8080, target }],
  anyPort: false,
  isReserved: (port: number) => [15_008, 9999].includes(port),
  localFor: (address: string) => own.localFor(address),
};
const resolve = createExposure(listed);
const resolveAny = createExposure({ ...listed, anyPort: true });

test('an exposed port leads to the application, under every address of the host', (t) => {
  const spellings = ['10.0.0.7', '127.0.0.1', '::1', '0:0:0:0:0:0:0:1', '::ffff:10.0.0.7'];
  for (const address of [...spellings, '203.0.113.9']) {
    t.deepEqual(resolve({ address, port: 8080 }), { kind: 'target', target });
    t.deepEqual(resolveAny({ address, port: 8080 }), { kind: 'target', target });
  }
});

test('a port that is not exposed is refused, even the one that the application listens on', (t) => {
  for (const port of [3000, 15_000, 15_020, 22]) {
    t.deepEqual(resolve({ address: '10.0.0.7', port }), { kind: 'refused', reason: 'not-exposed' });
  }
});

test('an address of another host is refused', (t) => {
  for (const address of ['10.0.0.8', '8.8.8.8', 'fd00::1', '169.254.169.254', '0.0.0.0', '::']) {
    for (const ask of [resolve, resolveAny]) {
      t.deepEqual(ask({ address, port: 8080 }), { kind: 'refused', reason: 'wrong-destination' });
    }
  }
});

test('any port leads to that port, at the very address that was named', (t) => {
  for (const address of ['10.0.0.7', 'fd00::7']) {
    const wanted = { kind: 'target', target: { address, port: 5432 } };
    t.deepEqual(resolveAny({ address, port: 5432 }), wanted);
  }
});

test('any port under the address of a NAT leads to where its connections arrive', (t) => {
  const wanted = { kind: 'target', target: { address: '10.0.0.7', port: 5432 } };
  t.deepEqual(resolveAny({ address: '203.0.113.9', port: 5432 }), wanted);
});

test('any port is never a port of the sidecar, an excluded one, or one on loopback', (t) => {
  for (const port of [15_008, 9999]) {
    const wanted = { kind: 'refused', reason: 'not-exposed' };
    t.deepEqual(resolveAny({ address: '10.0.0.7', port }), wanted);
  }
  for (const address of ['127.0.0.1', '127.0.0.53', '::1', '::ffff:127.0.0.1', 'fe80::1']) {
    const wanted = { kind: 'refused', reason: 'wrong-destination' };
    t.deepEqual(resolveAny({ address, port: 5432 }), wanted);
  }
});
