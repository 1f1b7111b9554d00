import { readFileSync } from 'node:fs';
import test from 'ava';
import { describeError, HauberkError, systemErrorCode, systemReason } from '../../common/errors.ts';

class ExampleError extends HauberkError<'example'> {}

test('an error carries its code, its name, its hint and its cause', (t) => {
  const cause = new Error('deeper');
  const error = new ExampleError('example', 'expected a, got b', { hint: 'give a', cause });
  t.is(error.code, 'example');
  t.is(error.name, 'ExampleError');
  t.is(error.cause, cause);
  t.is(describeError(error), 'expected a, got b; give a');
});

test('what has no hint, is foreign, or is no error is described all the same', (t) => {
  t.is(describeError(new ExampleError('example', 'expected a, got b')), 'expected a, got b');
  t.is(describeError(new TypeError('foreign')), 'foreign');
  t.is(describeError('just text'), 'just text');
  t.false('cause' in new ExampleError('example', 'without'));
});

test("the system's code is read from the system's errors only", (t) => {
  const error = t.throws(() => readFileSync('/nowhere/at/all'));
  t.is(systemErrorCode(error), 'ENOENT');
  t.is(systemErrorCode(new Error('plain')), undefined);
  t.is(systemErrorCode({ code: 'ENOENT' }), undefined);
});

test('why the system refused is said in its words, with its code', (t) => {
  t.is(
    systemReason(t.throws(() => readFileSync('/'))),
    'illegal operation on a directory (EISDIR)',
  );
  t.is(
    systemReason(t.throws(() => readFileSync('/nowhere/at/all'))),
    'no such file or directory (ENOENT)',
  );
  t.is(systemReason(new Error('it is not a file')), 'it is not a file');
  t.is(systemReason(Object.assign(new Error('odd'), { code: 'ERR_ODD' })), 'odd');
});
