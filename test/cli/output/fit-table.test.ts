/** A table that has to fit leaves out what matters least, and is whole where the output is no terminal. */
import test from 'ava';
import { fitTable, widthOf } from '../../../cli/output/fit-table.ts';

const COLUMNS = [
  { header: 'FROM', cell: ([from]: readonly string[]) => from ?? '', rank: 0 },
  { header: 'REQUESTS', cell: () => 12, rank: 1 },
  { header: 'SENT', cell: () => '1 MB/s', rank: 2 },
];
const ROWS = [['web.shop'], ['api.shop']];

test('everything where there is room, or no terminal', (t) => {
  const whole =
    'FROM       REQUESTS   SENT\nweb.shop   12         1 MB/s\napi.shop   12         1 MB/s\n';
  t.is(fitTable(COLUMNS, ROWS, undefined), whole);
  t.is(fitTable(COLUMNS, ROWS, 28), whole);
});

test('less where there is not, the least important first, and never the names', (t) => {
  t.is(fitTable(COLUMNS, ROWS, 27), 'FROM       REQUESTS\nweb.shop   12\napi.shop   12\n');
  t.is(fitTable(COLUMNS, ROWS, 10), 'FROM\nweb.shop\napi.shop\n');
  t.is(fitTable(COLUMNS, ROWS, 1), 'FROM\nweb.shop\napi.shop\n');
});

test('the width is that of a terminal', (t) => {
  const write = (): boolean => true;
  t.is(widthOf({ write }), undefined);
  t.is(widthOf(Object.assign({ write }, { columns: 80 })), 80);
  t.is(widthOf(Object.assign({ write }, { columns: 0 })), undefined);
});
