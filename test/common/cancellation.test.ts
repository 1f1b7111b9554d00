import test from 'ava';
import { Cancellation } from '../../common/cancellation.ts';

test('those who wait are told once, in their order', (t) => {
  const told: string[] = [];
  const cancellation = new Cancellation();
  const [a, b, c] = ['a', 'b', 'c'].map((name) => () => void told.push(name));
  for (const one of [a, b, c]) if (one !== undefined) cancellation.addEventListener('abort', one);
  cancellation.abort('gone');
  cancellation.abort('again');
  t.deepEqual(told, ['a', 'b', 'c']);
  t.true(cancellation.aborted);
  t.is(cancellation.reason, 'gone');
});

test('those who wait no more are not told', (t) => {
  const told: string[] = [];
  const cancellation = new Cancellation();
  const first = (): void => void told.push('first');
  const second = (): void => void told.push('second');
  const third = (): void => void told.push('third');
  for (const one of [first, second, third]) cancellation.addEventListener('abort', one);
  cancellation.removeEventListener('abort', first);
  cancellation.removeEventListener('abort', third);
  cancellation.abort();
  t.deepEqual(told, ['second']);
});
