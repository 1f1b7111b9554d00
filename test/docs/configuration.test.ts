/** The tables of docs/configuration.md say what the programs' settings say, and nothing else. */
import test from 'ava';
import { ADMIN_SETTINGS } from '../../cli/admin/settings.ts';
import { flagName, variableName } from '../../common/config/settings.ts';
import type { Setting, SettingsTable } from '../../common/config/settings.ts';
import { controlPlaneSettings } from '../../control-plane/config/config.ts';
import { KEEPER_SETTINGS } from '../../keeper/config.ts';
import { GATEWAY_SETTINGS } from '../../proxy/config/gateway.ts';
import { PROXY_SETTINGS } from '../../proxy/config/sidecar.ts';
import { tableOf } from './markdown.ts';

/** The row of a setting: flag, variable, key, default, what it is. */
function rowOf([key, setting]: [string, Setting]): string[] {
  const secret = setting.form === 'secret';
  const flag = [flagName(key), setting.placeholder].join(' ').trim();
  return [
    secret ? 'none' : flag,
    variableName(key),
    secret ? 'none' : key,
    defaultOf(setting),
    setting.description,
  ];
}

function defaultOf({ type, form, defaultText }: Setting): string {
  if (defaultText !== undefined) return defaultText;
  const { success, data } = type.safeParse(undefined);
  if (!success) return 'required';
  if (form === 'switch') return 'off';
  return typeof data === 'string' || typeof data === 'number' ? String(data) : 'none';
}

function describes(heading: string, settings: SettingsTable): void {
  const entries = Object.entries(settings);
  const advanced = entries.filter(([, setting]) => setting.advanced);
  test(`docs/configuration.md describes every setting: ${heading}`, (t) => {
    const rows = entries.filter((entry) => !advanced.includes(entry)).map(rowOf);
    t.deepEqual(tableOf('configuration.md', heading), rows);
  });
  if (advanced.length === 0) return;
  test(`docs/configuration.md sets advanced settings apart: ${heading}`, (t) => {
    t.deepEqual(tableOf('configuration.md', `${heading}: advanced`), advanced.map(rowOf));
  });
}

describes('hauberk control-plane', controlPlaneSettings);
describes('hauberk proxy', PROXY_SETTINGS);
describes('hauberk keeper', KEEPER_SETTINGS);
describes('hauberk gateway', GATEWAY_SETTINGS);
describes('hauberk token, status and certs', ADMIN_SETTINGS);
