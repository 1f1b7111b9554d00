import test from 'ava';
import { createOwnAddresses } from '../../../proxy/workload/own-addresses.ts';
import { createLogRecorder } from '../../helpers/log-recorder.ts';
import { createManualClock } from '../../helpers/manual-clock.ts';

const { logger } = createLogRecorder();

test('an address that comes is known at once, one that goes is forgotten soon', async (t) => {
  const clock = createManualClock();
  let addresses = ['10.0.0.7'];
  const own = createOwnAddresses({ logger, clock, read: () => addresses });
  t.is(own.localFor('10.0.0.7'), '10.0.0.7');
  t.is(own.localFor('10.1.0.7'), undefined);
  addresses = ['10.1.0.7'];
  t.is(own.localFor('10.1.0.7'), '10.1.0.7');
  await clock.advance(1_000);
  t.is(own.localFor('10.0.0.7'), undefined);
  t.deepEqual(own.reachable(), ['10.1.0.7']);
});

test('what other hosts can mean is neither loopback nor link-local', (t) => {
  const read = (): string[] => ['127.0.0.1', '172.18.0.3', '::1', 'fe80::1', 'FD00:0::3'];
  const own = createOwnAddresses({ logger, clock: createManualClock(), read });
  t.deepEqual(own.reachable(), ['172.18.0.3', 'fd00::3']);
});

test('this machine has at least loopback', (t) => {
  const own = createOwnAddresses({ logger, clock: createManualClock() });
  t.is(own.localFor('127.0.0.1'), '127.0.0.1');
  t.is(own.localFor('::1'), '::1');
  t.is(own.localFor('192.0.2.77'), undefined);
});

test('what the system does not tell stays as it was told last, which is said once', async (t) => {
  const clock = createManualClock();
  const log = createLogRecorder();
  let addresses: readonly string[] | undefined = ['10.0.0.7'];
  const own = createOwnAddresses({
    clock,
    logger: log.logger,
    advertised: '192.0.2.1',
    read: () => {
      if (addresses === undefined) throw new Error('EMFILE: too many open files');
      return addresses;
    },
  });
  const failures = (): number => log.of('system-not-telling').length;
  addresses = undefined;
  for (let round = 0; round < 5; round += 1) {
    await clock.advance(2_000);
    t.is(own.localFor('10.0.0.7'), '10.0.0.7');
    t.is(own.localFor('192.0.2.1'), '10.0.0.7');
    t.is(own.localFor('10.9.9.9'), undefined, 'an address that is not known is not ours');
    t.deepEqual(own.reachable(), ['10.0.0.7']);
  }
  t.is(failures(), 1);
  t.regex(log.of('system-not-telling')[0]?.msg ?? '', /addresses of this host.*EMFILE/);
  addresses = ['10.0.0.8'];
  await clock.advance(2_000);
  t.is(own.localFor('10.0.0.8'), '10.0.0.8');
  addresses = undefined;
  await clock.advance(2_000);
  t.is(own.localFor('10.0.0.8'), '10.0.0.8');
  t.is(failures(), 2);
});

test('a peer that names foreign addresses does not make us ask the system each time', async (t) => {
  const clock = createManualClock();
  let asked = 0;
  const own = createOwnAddresses({
    clock,
    logger,
    read: () => {
      asked += 1;
      return ['10.0.0.7'];
    },
  });
  for (let at = 0; at < 10_000; at += 1)
    t.is(own.localFor(`10.1.${at >> 8}.${at & 255}`), undefined);
  t.true(asked <= 20, `it was asked ${asked} times`);
  await clock.advance(1_000);
  const before = asked;
  for (let at = 0; at < 10_000; at += 1) t.is(own.localFor('10.0.0.7'), '10.0.0.7');
  t.true(asked <= before + 1, 'once a second for those that are known');
});
