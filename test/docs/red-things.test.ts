/** What the dashboard shows in red has a series and an alert, also what is shown in red tomorrow. */
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { tableOf } from './markdown.ts';

const ROOT = join(import.meta.dirname, '../..');

/**
 * The places in dashboard/ that have something red, with how many, and the rows of docs/prometheus.md for them. None:
 * a definition, or the answer to what an operator has just asked.
 */
const RED: Readonly<Record<string, readonly [count: number, rows: readonly string[]]>> = {
  'graph/graph-view.ts': [
    6,
    ['a service without a connected sidecar', 'an edge with failures', 'plaintext'],
  ],
  'pages/certificates.ts': [1, ['an issuance log that is not as it was written']],
  'pages/events.ts': [2, ['an event that is an error']],
  'pages/policy.ts': [2, []],
  'pages/service.ts': [4, ['a sidecar that is away', 'two identities at one address', 'plaintext']],
  'pages/tap.ts': [3, ['an edge with failures']],
  'parts/edge-panel.ts': [2, ['an edge with failures', 'plaintext']],
  'parts/explain.ts': [1, []],
  'parts/mesh-notices.ts': [2, ['plaintext', 'two identities at one address']],
  'parts/node-panel.ts': [2, ['a service without a connected sidecar', 'plaintext']],
  'parts/notice.ts': [3, []],
  'parts/reasons.ts': [1, ['an edge with failures']],
  'parts/service-table.ts': [3, ['a service without a connected sidecar', 'an edge with failures']],
  'parts/small.ts': [3, ['a certificate that is about to expire', 'the root or the issuer']],
};

const rows = tableOf('prometheus.md', 'Alerts', 1);

test('every place of the dashboard that is red is known, and has its row', (t) => {
  const folder = join(ROOT, 'dashboard');
  const found = globSync('**/*.ts', { cwd: folder }).flatMap((file) => {
    const count = readFileSync(join(folder, file), 'utf8').match(/'(?:bad|loud)'/g)?.length ?? 0;
    return count === 0 ? [] : [[file, count] as const];
  });
  const known = Object.entries(RED).map(([file, [count]]) => [file, count] as const);
  t.deepEqual(Object.fromEntries(found), Object.fromEntries(known));
  for (const [file, [, wanted]] of Object.entries(RED)) {
    for (const row of wanted)
      t.true(
        rows.some(([what = '']) => what.startsWith(row)),
        `${file}: ${row}`,
      );
  }
});

test('each row names series that there are, and alerts that look at one of them', (t) => {
  const documented = new Set(
    readFileSync(join(ROOT, 'docs/metrics.md'), 'utf8').match(/(?<=^\| `)hauberk_\w+/gm),
  );
  const rules = readFileSync(join(ROOT, 'docs/operations/prometheus-rules.yml'), 'utf8');
  t.true(rows.length > 5, 'the rows were found');
  for (const [what = '', series = '', alerts = ''] of rows) {
    const names = series.split(', ');
    for (const name of names) t.true(name === 'up' || documented.has(name), `${what}: ${name}`);
    for (const alert of alerts.split(', ')) {
      const [, rule = ''] = rules.split(`- alert: ${alert}\n`);
      t.not(rule, '', `${alert} is a rule`);
    }
  }
});
