/** The tables of docs/configuration.md say what the programs' settings say, and nothing else. */
import test from 'ava';
import { ADMIN_SETTINGS } from '../../cli/admin-settings.ts';
import { flagName, variableName } from '../../common/config/settings.ts';
import type { Setting, SettingsTable } from '../../common/config/settings.ts';
import { controlPlaneSettings } from '../../control-plane/config.ts';
import { KEEPER_SETTINGS } from '../../keeper/config.ts';
import { GATEWAY_SETTINGS } from '../../proxy/config-gateway.ts';
import { PROXY_SETTINGS } from '../../proxy/config.ts';
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
  test(`docs/configuration.md describes every setting: ${heading}`, (t) => {
    t.deepEqual(tableOf('configuration.md', heading), Object.entries(settings).map(rowOf));
  });
}

describes('hauberk control-plane', controlPlaneSettings);
describes('hauberk proxy', PROXY_SETTINGS);
describes('hauberk keeper', KEEPER_SETTINGS);
describes('hauberk gateway', GATEWAY_SETTINGS);
describes('hauberk token, status and certs', ADMIN_SETTINGS);
