import test from 'ava';
import { formatMoment, formatSpan } from '../../../cli/output/relative-time.ts';
import { formatTable } from '../../../cli/output/table.ts';

const SPANS = [
  [0, '0s'],
  [-5, '0s'],
  [999, '0s'],
  [59_999, '59s'],
  [60_000, '1m'],
  [3_599_000, '59m 59s'],
  [3_600_000, '1h'],
  [3_605_000, '1h'],
  [90_000_000, '1d 1h'],
] as const;

for (const [spanMs, text] of SPANS) {
  test(`${spanMs} ms are ${text}`, (t) => t.is(formatSpan(spanMs), text));
}

test('moments are before or after now', (t) => {
  t.is(formatMoment(61_000, 1_000), 'in 1m');
  t.is(formatMoment(1_000, 6_000), '5s ago');
});

test('a table is one record a line, without trailing blanks', (t) => {
  t.is(
    formatTable(
      ['NAME', 'COUNT'],
      [
        ['api', 1],
        ['a-longer-name', 0],
        ['', 2],
      ],
    ),
    'NAME            COUNT\napi             1\na-longer-name   0\n-               2\n',
  );
});

test('a table without rows is its header', (t) => {
  t.is(formatTable(['NAME', 'COUNT'], []), 'NAME   COUNT\n');
});

test('a cell cannot steer the terminal or break the line', (t) => {
  const text = formatTable(['A'], [['\u001b[31mred\u001b[0m\nnext']]);
  t.is(text, 'A\nred next\n');
});
