/** Pictures that change: in place on a terminal, one after another elsewhere. */
import test from 'ava';
import { clipLines, createLiveView } from '../../../cli/output/live-view.ts';

test('elsewhere than on a terminal each picture is written whole', (t) => {
  const written: string[] = [];
  const view = createLiveView({ write: (text) => written.push(text) });
  view.show('a\n');
  view.show('b\n');
  t.deepEqual(written, ['a\n\n', 'b\n\n']);
  t.is(view.height, Infinity);
});

test('a terminal has the height that it has now', (t) => {
  const terminal = { write: () => true, isTTY: true, rows: 24, columns: 80 };
  const view = createLiveView(terminal);
  t.is(view.height, 23);
  terminal.rows = 10;
  t.is(view.height, 9);
});

test('what does not fit is counted', (t) => {
  t.is(clipLines('a\nb\nc\n', 3), 'a\nb\nc\n');
  t.is(clipLines('a\nb\nc\n', 2), 'a\n2 more lines\n');
  t.is(clipLines('a\nb\nc\n', Infinity), 'a\nb\nc\n');
});
