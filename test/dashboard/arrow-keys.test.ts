/** Where the arrow keys lead in the picture of the mesh: to the nearest on that side, the row before the column. */
import test from 'ava';
import { leadsTo, type Places } from '../../dashboard/graph/arrow-keys.ts';

/** `a ──a → b──> b`, and `c` below of `a`. */
const PLACES: Places = {
  nodes: new Map([
    ['a', { x: 50, y: 50 }],
    ['b', { x: 350, y: 50 }],
    ['c', { x: 60, y: 200 }],
  ]),
  edges: new Map([['a → b', { label: { x: 200, y: 50 } }]]),
};

for (const [from, key, to] of [
  ['a', 'ArrowRight', 'a → b'],
  ['a → b', 'ArrowRight', 'b'],
  ['b', 'ArrowLeft', 'a → b'],
  ['a', 'ArrowDown', 'c'],
  ['b', 'ArrowDown', 'c'],
  ['c', 'ArrowUp', 'a'],
  ['c', 'ArrowRight', 'a → b'],
  ['b', 'Home', 'a'],
  ['a', 'End', 'c'],
  ['b', 'ArrowRight', undefined],
  ['a', 'Enter', undefined],
  ['gone', 'ArrowRight', undefined],
] as const) {
  test(`${key} from ${from} leads to ${to ?? 'nothing'}`, (t) => {
    t.is(leadsTo(key, from, PLACES), to);
  });
}
