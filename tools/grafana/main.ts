// Writes the dashboards of Grafana to docs/operations/grafana: npm run grafana
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { toGrafana } from './dashboard.ts';
import { DASHBOARDS } from './dashboards.ts';

const FOLDER = join(import.meta.dirname, '../../docs/operations/grafana');

const style = (await resolveConfig(FOLDER)) ?? {};
mkdirSync(FOLDER, { recursive: true });
for (const dashboard of DASHBOARDS) {
  const text = await format(JSON.stringify(toGrafana(dashboard)), { parser: 'json', ...style });
  writeFileSync(join(FOLDER, `${dashboard.name}.json`), text);
}
