import test from 'ava';
import { callEach, Listeners } from '../../common/listeners.ts';

test('tells every listener what has changed, until it is removed', (t) => {
  const listeners = new Listeners<[string, number]>();
  const heard: string[] = [];
  const remove = listeners.add((name, count) => heard.push(`a ${name} ${count}`));
  listeners.add((name) => heard.push(`b ${name}`));
  listeners.tell('x', 1);
  t.deepEqual(heard.splice(0), ['a x 1', 'b x']);
  t.is(listeners.size, 2);
  remove();
  remove();
  listeners.tell('y', 2);
  t.deepEqual(heard.splice(0), ['b y']);
  listeners.clear();
  listeners.tell('z', 3);
  t.deepEqual(heard, []);
});

test('a function that is added twice is called twice, and removed once', (t) => {
  const listeners = new Listeners();
  let calls = 0;
  const listener = () => (calls += 1);
  listeners.add(listener);
  const remove = listeners.add(listener);
  listeners.tell();
  t.is(calls, 2);
  remove();
  listeners.tell();
  t.is(calls, 3);
});

test('one that throws keeps none of the others from hearing, and the caller learns of it', (t) => {
  const listeners = new Listeners();
  const heard: string[] = [];
  listeners.add(() => heard.push('first'));
  listeners.add(() => {
    throw new TypeError('a mistake');
  });
  listeners.add(() => heard.push('last'));
  t.throws(() => listeners.tell(), { instanceOf: TypeError, message: 'a mistake' });
  t.deepEqual(heard, ['first', 'last']);
});

test('what several throw becomes one error', (t) => {
  const thrown = t.throws(() => callEach(['a', 'b', 'c'], throwUnless('b')), {
    instanceOf: AggregateError,
    message: '2 of those that were called threw, the first: a mistake with a',
  });
  t.deepEqual(thrown?.errors.map(String), ['Error: a mistake with a', 'Error: a mistake with c']);
});

test('one that is removed meanwhile does not hear, and one that is added only hears the next change', (t) => {
  const listeners = new Listeners();
  const heard: string[] = [];
  let removeSecond = (): void => undefined;
  listeners.add(() => {
    heard.push('first');
    removeSecond();
    listeners.add(() => heard.push('added'));
  });
  removeSecond = listeners.add(() => heard.push('second'));
  listeners.tell();
  t.deepEqual(heard.splice(0), ['first']);
  listeners.tell();
  t.deepEqual(heard, ['first', 'added']);
});

function throwUnless(good: string) {
  return (item: string) => {
    if (item !== good) throw new Error(`a mistake with ${item}`);
  };
}
