/** Places at an upstream, dealt out among clients: who has least comes first, and whose requests do not end waits. */
import test from 'ava';
import { ClientShares } from '../../../../proxy/http/upstream/client-shares.ts';
import type { PlaceWaiter } from '../../../../proxy/http/upstream/place.ts';

const share = (holder: string) => ({ holder, fraction: 1 / 2 });

function waiter(holder: string): PlaceWaiter {
  return { share: share(holder), placed() {}, failed() {} };
}

/** Takes as many as there are for the client. */
function takeAll(shares: ClientShares, holder: string): number {
  let taken = 0;
  while (shares.take(share(holder)) !== undefined) taken += 1;
  return taken;
}

test('each client has half of what the others leave, less a tenth, and a few in any case', (t) => {
  const shares = new ClientShares(1_000, false);
  t.is(takeAll(shares, 'a'), 450);
  t.is(takeAll(shares, 'b'), 225);
  t.is(takeAll(shares, 'c'), 112);
  for (let at = 0; at < 1_000; at += 1) takeAll(shares, `small-${at}`);
  t.is(takeAll(shares, 'late'), 4);
});

test('who waits is served when its own requests end, and in the order in which they came', (t) => {
  const shares = new ClientShares(100, false);
  const account = shares.take(share('a'));
  if (account === undefined) return t.fail('there was room');
  takeAll(shares, 'a');
  const waiting = [waiter('a'), waiter('a')];
  for (const one of waiting) t.is(shares.queue(one, share('a')), undefined);
  t.is(shares.next(), undefined);
  shares.give(account);
  t.is(shares.take(share('a')), undefined, 'others of it came before');
  t.is(shares.next()?.waiter, waiting[0]);
  t.is(shares.next(), undefined);
  shares.give(account);
  t.is(shares.next()?.waiter, waiting[1]);
});

test('the client that has least comes first', (t) => {
  const shares = new ClientShares(100, false);
  const account = shares.take(share('a'));
  if (account === undefined) return t.fail('there was room');
  const [a, b] = [1 + takeAll(shares, 'a'), takeAll(shares, 'b')];
  t.true(a > b);
  const [ofA, ofB] = [waiter('a'), waiter('b')];
  shares.queue(ofA, share('a'));
  shares.queue(ofB, share('b'));
  shares.resize(1_000);
  t.is(shares.next()?.waiter, ofB);
  t.is(shares.next()?.waiter, ofA);
});

test('those that wait are bounded by client, and one that cannot wait is told so', (t) => {
  const shares = new ClientShares(100, false);
  for (const holder of ['a', 'b']) takeAll(shares, holder);
  let queued = 0;
  while (shares.queue(waiter('a'), share('a')) === undefined) queued += 1;
  t.is(queued, 1_843);
  t.is(shares.queue(waiter('a'), share('a')), 'client-limit');
  t.is(shares.queue(waiter('b'), share('b')), undefined, 'another one may');
  for (let at = 0; at < 10_000; at += 1) shares.queue(waiter(`w${at}`), share(`w${at}`));
  t.is(shares.queue(waiter('late'), share('late')), 'too-many-requests');
});

test('who does not wait any more makes room for another', (t) => {
  const shares = new ClientShares(100, false);
  const account = shares.take(share('a'));
  if (account === undefined) return t.fail('there was room');
  takeAll(shares, 'a');
  const [first, second] = [waiter('a'), waiter('a')];
  for (const one of [first, second]) shares.queue(one, share('a'));
  shares.forget(first, share('a'));
  shares.forget(first, share('a'));
  shares.give(account);
  t.is(shares.next()?.waiter, second);
});

test('an exact number is never exceeded, and nobody has all of it', (t) => {
  for (const [capacity, alone] of [
    [1, 1],
    [2, 1],
    [4, 2],
    [7, 3],
    [10, 4],
    [40, 16],
  ] as const) {
    const shares = new ClientShares(capacity, true);
    t.is(takeAll(shares, 'a'), alone, `${capacity}`);
    let taken: number = alone;
    for (let at = 0; at < capacity; at += 1) taken += takeAll(shares, `small-${at}`);
    t.is(taken, capacity);
    t.is(takeAll(shares, 'late'), 0);
  }
});

for (const places of [1, 2, 4, 10]) {
  test(`of ${places} places one comes free for who waits, though others always have another request waiting`, (t) => {
    const shares = new ClientShares(places, true);
    const busy = Array.from({ length: places }, (_, at) => `busy-${at}`);
    const held = busy.map((holder) => shares.take(share(holder)));
    for (const holder of [...busy, ...busy])
      t.is(shares.queue(waiter(holder), share(holder)), undefined);
    const late = waiter('late');
    t.is(shares.queue(late, share('late')), undefined);
    let served: PlaceWaiter | undefined;
    for (let turn = 0; turn <= places && served !== late; turn += 1) {
      const account = held.shift();
      if (account !== undefined) shares.give(account);
      const next = shares.next();
      served = next?.waiter;
      held.push(next?.account);
      // Who was served has another one wait at once.
      const holder = busy.find((name) => name === next?.account.holder);
      if (holder !== undefined) shares.queue(waiter(holder), share(holder));
    }
    t.is(served, late);
  });
}

test('where clients are not told apart, all of them have what there is and wait for it', (t) => {
  const everybody = { holder: 'everybody', fraction: 1 };
  const shares = new ClientShares(3, true);
  for (let at = 0; at < 3; at += 1) t.truthy(shares.take(everybody));
  t.is(shares.take(everybody), undefined);
  const one = { ...waiter('everybody'), share: everybody };
  for (let at = 0; at < 4_096; at += 1) t.is(shares.queue({ ...one }, everybody), undefined);
  t.is(shares.queue({ ...one }, everybody), 'too-many-requests');
});
