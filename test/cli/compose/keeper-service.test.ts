// With --keeper there is one service more, which has the socket of the engine and nothing else.
import { readFileSync } from 'node:fs';
import test from 'ava';
import { PART_LABEL as KEPT_LABEL } from '../../../keeper/container.ts';
import { KEEPER_SETTINGS } from '../../../keeper/config.ts';
import { readSettings } from '../../../common/config/read-settings.ts';
import { injectText, projectPath, servicesOf, type Services } from './compose-projects.ts';

function inject({ keeper }: { readonly keeper: boolean }): Services {
  const path = projectPath('web-api-redis');
  const { output = '' } = injectText(readFileSync(path, 'utf8'), path, { keeper });
  return servicesOf(output);
}

test('a keeper is added when it is asked for, and nothing else changes', (t) => {
  const { 'hauberk-keeper': keeper, ...others } = inject({ keeper: true });
  t.deepEqual(others, inject({ keeper: false }));
  t.like(keeper, { network_mode: 'none', read_only: true, cap_drop: ['ALL'], user: '0:0' });
  t.deepEqual(keeper?.['volumes'], [
    '${HAUBERK_ENGINE_SOCKET:-/var/run/docker.sock}:/var/run/docker.sock',
  ]);
});

test('its command is one that hauberk keeper takes', (t) => {
  const { 'hauberk-keeper': keeper } = inject({ keeper: true });
  const [program, ...argv] = (keeper?.['command'] ?? []) as string[];
  t.is(program, 'keeper');
  const request = readSettings({ name: 'x', summary: '', settings: KEEPER_SETTINGS }, argv, {});
  t.is(request.kind, 'run');
});

test('what it goes by is written on every pod and every sidecar', (t) => {
  const parts = Object.values(inject({ keeper: true })).flatMap((service) => {
    const part = (service['labels'] as Record<string, string> | undefined)?.[KEPT_LABEL];
    return part === undefined ? [] : [[service['x-hauberk-injected'], part]];
  });
  t.true(parts.length > 0);
  for (const [marker, part] of parts) t.is(part, marker as string);
});
