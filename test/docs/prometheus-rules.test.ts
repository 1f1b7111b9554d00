/** The alert rules are accepted by Prometheus, fire when they should, and know only our metrics. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { parse } from 'yaml';
import { requires } from '../helpers/machine/requirements.ts';
import { tableOf } from './markdown.ts';

const RULES = join(import.meta.dirname, '../../docs/operations/prometheus-rules.yml');
const RULES_TEST = join(import.meta.dirname, 'prometheus-rules.yml');

function promtool(...args: string[]): { readonly code: number | null; readonly output: string } {
  const { status, stdout, stderr } = spawnSync('promtool', args, { encoding: 'utf8' });
  return { code: status, output: `${stdout}${stderr}` };
}

requires('promtool')('the alert rules are valid', (t) => {
  const { code, output } = promtool('check', 'rules', RULES);
  t.is(code, 0, output);
  t.regex(output, /SUCCESS: \d+ rules found/);
});

requires('promtool')('the alert rules fire when they should', (t) => {
  const { code, output } = promtool('test', 'rules', RULES_TEST);
  t.is(code, 0, output);
});

test('the alert rules use metrics that exist, and docs/prometheus.md lists them', (t) => {
  const rules = readFileSync(RULES, 'utf8');
  const known = new Set(
    ['Sidecar', 'Workers', 'Gateway', 'Control plane', 'Both'].flatMap((heading) =>
      tableOf('metrics.md', heading).map(([name]) => name),
    ),
  );
  const expressions = rules.match(/(?<![:\w])hauberk_[a-z_]+/g) ?? [];
  t.true(expressions.length > 5, 'the expressions were found');
  t.deepEqual(
    [...new Set(expressions)].filter((name) => !known.has(name)),
    [],
  );
  const alerts = [...rules.matchAll(/alert: (\w+)/g)].map(([, name = '']) => name);
  const listed = tableOf('prometheus.md', 'Alerts').map(([name = '']) => name);
  t.deepEqual(alerts.toSorted(), listed.toSorted());
});

test('each alert has a moment in which it fires, and one in which it does not', (t) => {
  const rules = parse(readFileSync(RULES, 'utf8')) as Rules;
  const { tests } = parse(readFileSync(RULES_TEST, 'utf8')) as RulesTest;
  const moments = tests.flatMap(({ alert_rule_test: cases }) => cases);
  for (const { alert } of rules.groups.flatMap((group) => group.rules)) {
    if (alert === undefined) continue;
    const counts = moments
      .filter(({ alertname }) => alertname === alert)
      .map(({ exp_alerts: expected }) => expected.length);
    t.true(
      counts.some((count) => count > 0),
      `${alert} fires`,
    );
    t.true(counts.includes(0), `${alert} does not fire`);
  }
});

interface Rules {
  readonly groups: readonly { readonly rules: readonly { readonly alert?: string }[] }[];
}

interface RulesTest {
  readonly tests: readonly {
    readonly alert_rule_test: readonly {
      readonly alertname: string;
      readonly exp_alerts: readonly unknown[];
    }[];
  }[];
}
