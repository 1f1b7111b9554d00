/** Each invariant holds for what is right, and is broken by what is not: one that could not break would prove nothing. */
import test from 'ava';
import { checkWrites } from './acknowledged-writes.ts';
import { checkExpired, EXPIRY_SLACK_MS } from './expired-certificates.ts';
import { checkForbidden } from './forbidden-connections.ts';
import { HEAL_WITHIN_MS, waitUntilHealed } from './healing.ts';
import { checkIssuanceLog } from './issuance-log.ts';
import { watchPlaintext } from './plaintext.ts';

function broken() {
  const sentences: string[] = [];
  return { sentences, breaks: (sentence: string) => void sentences.push(sentence) };
}

test('a packet with a payload or a key in the clear', (t) => {
  const { sentences, breaks } = broken();
  const watch = watchPlaintext('the-marker', breaks);
  watch.packet(Buffer.from('\x16\x03\x03 nothing that can be read'));
  t.deepEqual(sentences, []);
  watch.packet(Buffer.from('POST / HTTP/1.1 the-marker'));
  watch.packet(Buffer.from('-----BEGIN PRIVATE KEY-----'));
  t.is(sentences.length, 2);
  t.is(watch.packets, 3);
});

test('a write that was acknowledged and is lost, altered, or there twice', (t) => {
  const { sentences, breaks } = broken();
  const writes = checkWrites(breaks);
  const write = { service: 'orders', digest: 'aa' };
  writes.said({ ...write, kind: 'acknowledged', id: 'kept' });
  writes.said({ ...write, kind: 'failed', id: 'failed' });
  writes.recorded('orders-0', { id: 'kept', digest: 'aa', writer: 'web-0' });
  // It failed for the writer, whose connection was cut, and was recorded all the same: nobody was promised anything.
  writes.recorded('orders-1', { id: 'failed', digest: 'aa', writer: 'web-0' });
  writes.check();
  t.deepEqual(sentences, []);
  t.deepEqual([writes.acknowledged, writes.failed], [1, 1]);

  writes.said({ ...write, kind: 'acknowledged', id: 'lost' });
  writes.said({ ...write, kind: 'acknowledged', id: 'changed' });
  writes.said({ ...write, kind: 'altered', id: 'mixed up' });
  writes.recorded('orders-0', { id: 'changed', digest: 'bb', writer: 'web-0' });
  writes.recorded('orders-1', { id: 'kept', digest: 'aa', writer: 'web-0' });
  writes.check();
  t.deepEqual(sentences, [
    'the write mixed up was acknowledged for other bytes by orders',
    'the write kept was recorded by orders-0 and again by orders-1',
    'the write lost to orders was acknowledged and lost',
    'the write changed was altered on its way',
  ]);
  writes.check();
  t.is(sentences.length, 4, 'each is said once');
});

test('a connection that a rule or a revocation forbids', (t) => {
  const { sentences, breaks } = broken();
  const rules = [{ writer: 'intruder-0', host: 'vault-0' }, { writer: 'outcast-0' }];
  const forbidden = checkForbidden(rules, breaks);
  const write = { id: '1', digest: 'aa' };
  forbidden.recorded('orders-0', { ...write, writer: 'intruder-0' });
  forbidden.recorded('vault-0', { ...write, writer: 'web-0' });
  for (const answer of ['refused', '403', 'no answer']) {
    forbidden.tried({ who: 'outcast-0', target: 'orders-0', answer });
  }
  t.deepEqual(sentences, []);
  t.is(forbidden.refused, 3);

  forbidden.recorded('vault-0', { ...write, writer: 'intruder-0' });
  forbidden.recorded('orders-0', { ...write, writer: 'outcast-0' });
  forbidden.tried({ who: 'outcast-0', target: 'orders-0', answer: '200' });
  t.deepEqual(sentences, [
    'vault-0 recorded the write 1 of intruder-0, which is forbidden',
    'orders-0 recorded the write 1 of outcast-0, which is forbidden',
    'orders-0 accepted a connection with the key of outcast-0',
  ]);
});

test('a certificate in use after its expiry, at a host whose clock is right', (t) => {
  const { sentences, breaks } = broken();
  const expired = checkExpired((target) => target === 'orders-0', breaks);
  const use = { target: 'orders-0', notAfterMs: 10_000, how: 'a new connection' } as const;
  expired.used({ ...use, sentMs: 9_000 });
  expired.used({ ...use, sentMs: 10_000 + EXPIRY_SLACK_MS });
  expired.used({ ...use, target: 'orders-1', sentMs: 90_000 });
  t.deepEqual(sentences, []);
  expired.used({ ...use, sentMs: 15_000 });
  t.deepEqual(sentences, [
    'orders-0 answered over a new connection 5 s after its certificate expired',
  ]);
  t.is(expired.inTime, 1);
});

test('an issuance log that is damaged, shrinks, forgets, or has a serial twice', (t) => {
  const { sentences, breaks } = broken();
  const log = checkIssuanceLog(breaks);
  log.verified({ entries: 2, head: '1:aa', findings: [] });
  log.listed(['a', 'b']);
  log.verified({ entries: 3, head: '2:bb', findings: [] });
  log.listed(['a', 'b', 'c']);
  t.deepEqual(sentences, []);
  t.is(log.head, '2:bb');

  log.verified({ entries: 2, head: '2:bb', findings: ['an entry was changed'] });
  log.verified({ entries: 2, head: '2:bb', findings: ['an entry was changed'] });
  log.listed(['a', 'a', 'c']);
  t.deepEqual(sentences, [
    'the issuance log is not whole: an entry was changed',
    'the issuance log had 3 entries, and has 2',
    'serials are in the issuance log twice: a',
    'serials were in the issuance log, and are not: b',
  ]);
});

test('a certificate that a sidecar has and the log has not', (t) => {
  const log = checkIssuanceLog(() => t.fail());
  log.presented('web-0', 'a');
  t.deepEqual(log.missing(), [], 'the log was not asked since');
  log.asks();
  log.presented('web-0', 'b');
  log.listed([]);
  t.deepEqual(log.missing(), ['a of web-0'], 'b was issued after the log was asked');
  log.asks();
  log.listed(['a']);
  t.deepEqual(log.missing(), ['b of web-0']);
  log.asks();
  log.listed(['a', 'b']);
  t.deepEqual(log.missing(), []);
});

test('what is not well in time', async (t) => {
  const { sentences, breaks } = broken();
  let now = 0;
  const clock = {
    nowMs: () => now,
    pause: async (ms: number) => void (now += ms),
  };
  const well = async (): Promise<undefined> => undefined;
  const from = (ms: number) => async () => (now < ms ? 'web-0 is not ready' : undefined);
  t.is(await waitUntilHealed([well, from(5_000)], clock, breaks), 5_000);
  t.deepEqual(sentences, []);
  now = 0;
  const suspended = async (): Promise<string | undefined> => {
    now += now === 0 ? HEAL_WITHIN_MS * 3 : 0;
    return now < HEAL_WITHIN_MS * 3 + 1 ? 'the machine was suspended' : undefined;
  };
  t.is(await waitUntilHealed([suspended], clock, breaks), 10_500, 'its time does not count');
  t.deepEqual(sentences, []);
  now = 0;
  t.is(await waitUntilHealed([well, from(HEAL_WITHIN_MS * 2)], clock, breaks), undefined);
  t.deepEqual(sentences, ['30 s after the last fault this is not well: web-0 is not ready']);
});
