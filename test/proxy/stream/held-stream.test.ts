import test from 'ava';
import { HeldStream } from '../../../proxy/stream/held-stream.ts';
import { FakeStream } from './fake-stream.ts';

function held() {
  const stream = new FakeStream();
  const told: string[] = [];
  const seen: string[] = [];
  let changes = 0;
  const thrown: unknown[] = [];
  const guard = { report: (_where: unknown, error: unknown) => void thrown.push(error) };
  const holding = new HeldStream(stream, guard, () => (changes += 1), {
    read: (chunk) => void seen.push(`read ${chunk.toString()}`),
    written: (chunk) => void seen.push(`written ${chunk.toString()}`),
    readEnded: () => void seen.push('read ended'),
    writeEnded: () => void seen.push('write ended'),
  });
  const attach = (): void =>
    holding.attach({
      data: (chunk) => {
        told.push(chunk.toString());
        return told.length < 2;
      },
      end: () => void told.push('end'),
      written: (bytes) => void told.push(`written ${bytes}`),
      spare: () => {},
      closed: (how) => void told.push(`closed ${how}`),
    });
  return { stream, holding, told, seen, thrown, attach, changes: () => changes };
}

test('what came before there was a receiver comes first, whole and in order', (t) => {
  const { stream, holding, told, attach, changes } = held();
  holding.listen();
  t.true(stream.data('one '));
  t.true(stream.data('two '));
  t.is(holding.held.toString(), 'one two ');
  t.is(changes(), 2);
  attach();
  t.deepEqual(told, []);
  holding.start();
  t.false(stream.data('three'), 'the receiver has enough');
  stream.finish();
  t.deepEqual(told, ['one two ', 'three', 'end', 'closed ended']);
  t.is(changes(), 2);
});

test('an end that came before there was a receiver is told after the bytes', (t) => {
  const { stream, holding, told, attach } = held();
  holding.listen();
  stream.data('all');
  stream.receiver?.end();
  t.true(holding.hasEnded);
  stream.closeAs('reset');
  t.is(holding.closedAs, 'reset');
  attach();
  holding.start();
  t.deepEqual(told, ['all', 'end', 'closed reset']);
});

test('no more is held than it takes to judge', (t) => {
  const { stream, holding } = held();
  holding.listen();
  t.true(stream.data('x'.repeat(16_000)));
  t.false(stream.data('x'.repeat(1_000)));
});

test('the tap sees what passes, in both directions', (t) => {
  const { stream, holding, seen, attach } = held();
  holding.listen();
  stream.data('in');
  attach();
  holding.start();
  holding.write(Buffer.from('out'));
  stream.receiver?.end();
  holding.end();
  t.deepEqual(seen, ['read in', 'written out', 'read ended', 'write ended']);
  t.is(stream.text, 'out');
});

test('what a receiver throws ends the stream, and nothing besides', (t) => {
  const { stream, holding, thrown } = held();
  const told: string[] = [];
  holding.attach({
    data() {
      throw new Error('a mistake of the program');
    },
    end: () => void told.push('end'),
    written: () => {},
    spare: () => {},
    closed: (how) => void told.push(`closed ${how}`),
  });
  holding.listen();
  holding.start();
  t.false(stream.data('bytes'));
  t.is(thrown.length, 1);
  t.true(stream.calls.includes('reset'));
  t.deepEqual(told, ['closed reset']);
});
