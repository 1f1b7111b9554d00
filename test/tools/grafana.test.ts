/** The dashboards of Grafana are those of the tables, and can be laid out as they say. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { toGrafana } from '../../tools/grafana/dashboard.ts';
import { DASHBOARDS } from '../../tools/grafana/dashboards.ts';

const FOLDER = join(import.meta.dirname, '../../docs/operations/grafana');

interface Box {
  readonly x: number;
  readonly y: number;
  readonly w: number;
  readonly h: number;
}

interface Written {
  readonly uid: string;
  readonly panels: readonly {
    readonly id: number;
    readonly title: string;
    readonly gridPos: Box;
  }[];
}

test('the files are up to date; npm run grafana writes them', (t) => {
  const names = DASHBOARDS.map(({ name }) => `${name}.json`);
  t.deepEqual(readdirSync(FOLDER).toSorted(), names.toSorted());
  for (const dashboard of DASHBOARDS) {
    const written = readFileSync(join(FOLDER, `${dashboard.name}.json`), 'utf8');
    t.deepEqual(JSON.parse(written), toGrafana(dashboard), dashboard.name);
  }
});

test('panels have numbers of their own, lie within 24 columns and on no other', (t) => {
  for (const dashboard of DASHBOARDS) {
    const { uid, panels } = toGrafana(dashboard) as Written;
    t.is(uid, `hauberk-${dashboard.name}`);
    t.is(new Set(panels.map(({ id }) => id)).size, panels.length);
    for (const { title, gridPos: box } of panels) {
      t.true(box.x >= 0 && box.x + box.w <= 24, title);
      const above = panels.filter(({ gridPos }) => gridPos !== box && overlap(gridPos, box));
      t.deepEqual(above, [], title);
    }
  }
});

function overlap(a: Box, b: Box): boolean {
  return a.x < b.x + b.w && b.x < a.x + a.w && a.y < b.y + b.h && b.y < a.y + a.h;
}
