/** Whoever has few events loses none to whoever has many, and what is left out is counted. */
import test from 'ava';
import { FairEvents } from '../../../../common/wire/traffic/fair-events.ts';

function filled(capacity: number, counts: Readonly<Record<string, number>>): FairEvents<string> {
  const events = new FairEvents<string>(capacity);
  for (const [key, count] of Object.entries(counts)) {
    for (let at = 0; at < count; at += 1) events.add({ owner: 'self', key }, key);
  }
  return events;
}

const countsOf = (all: readonly string[]): Record<string, number> =>
  Object.fromEntries(
    [...new Set(all)].map((key) => [key, all.filter((one) => one === key).length]),
  );

test('one that is alone has all the room', (t) => {
  const { events, dropped } = filled(100, { busy: 1_000 }).take(100);
  t.is(events.length, 100);
  t.is(dropped, 900);
});

test('a busy one hides nothing of a quiet one that comes after it', (t) => {
  const { events, dropped } = filled(100, { busy: 1_000, quiet: 3, other: 40 }).take(100);
  t.deepEqual(countsOf(events), { busy: 57, quiet: 3, other: 40 });
  t.is(dropped, 943);
});

test('less room than waits is dealt out in equal shares', (t) => {
  const { events } = filled(500, { busy: 300, quiet: 2, other: 100 }).take(50);
  t.deepEqual(countsOf(events), { busy: 24, quiet: 2, other: 24 });
  t.deepEqual(countsOf(filled(500, { one: 10, two: 10 }).take(0).events), {});
});

test('events stay in the order in which they came, and are told once', (t) => {
  const events = new FairEvents<number>(10);
  for (let at = 0; at < 6; at += 1)
    events.add({ owner: 'self', key: at % 2 === 0 ? 'even' : 'odd' }, at);
  events.drop(2);
  t.deepEqual(events.take(10), { events: [0, 1, 2, 3, 4, 5], dropped: 2 });
  t.true(events.isEmpty);
  t.deepEqual(events.take(10), { events: [], dropped: 0 });
});

for (const [what, capacity] of [
  ['when they come', 100],
  ['when they are told', 10_000],
] as const) {
  test(`keys that an owner makes up take only of its own share: ${what}`, (t) => {
    const events = new FairEvents<string>(capacity);
    for (let at = 0; at < 30; at += 1) {
      events.add({ owner: 'web', key: 'api' }, 'web');
      events.add({ owner: 'shop', key: 'api' }, 'shop to api');
      for (let made = 0; made < 100; made += 1)
        events.add({ owner: 'evil', key: `made up ${at} ${made}` }, 'evil');
    }
    events.add({ owner: 'shop', key: 'db' }, 'shop to db');
    const { events: told, dropped } = events.take(100);
    t.deepEqual(countsOf(told), { web: 30, 'shop to api': 30, 'shop to db': 1, evil: 39 });
    t.is(dropped, 2_961);
  });
}

test('an owner with many keys has its share for them, and they have equal shares of it', (t) => {
  const events = new FairEvents<string>(100);
  for (let at = 0; at < 200; at += 1) events.add({ owner: 'web', key: 'api' }, 'web to api');
  for (const key of ['a', 'b', 'c', 'd'])
    for (let at = 0; at < 200; at += 1) events.add({ owner: 'hub', key }, key);
  const { events: told } = events.take(80);
  t.like(countsOf(told), { 'web to api': 40, a: 10, b: 10, c: 10, d: 10 });
});
