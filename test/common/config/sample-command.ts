import { statSync } from 'node:fs';
import { ConfigError } from '../../../common/config/config-error.ts';
import {
  listSetting,
  secretSetting,
  setting,
  switchSetting,
  type CommandSpec,
} from '../../../common/config/settings.ts';
import {
  durationSeconds,
  label,
  port,
  text,
  upstream,
  valueType,
} from '../../../common/config/values.ts';

/** The path of a file that is there. */
const existingFile = valueType('the path of a file', (raw) => {
  if (raw === '' || raw.includes('\0')) return undefined;
  const quoted = JSON.stringify(raw);
  let status;
  try {
    status = statSync(raw, { throwIfNoEntry: false });
  } catch (cause) {
    throw new ConfigError('file-unreadable', `the file ${quoted} cannot be looked at`, { cause });
  }
  if (status === undefined) throw new ConfigError('file-missing', `there is no file ${quoted}`);
  if (status.isDirectory()) {
    throw new ConfigError('file-missing', `${quoted} is a folder, not a file`);
  }
  return raw;
});

/** One setting of every form. */
export const sampleSettings = {
  metricsPort: setting(port.default(15020), {
    description: 'port',
    placeholder: 'PORT',
    advanced: true,
  }),
  service: setting(label, { description: 'service to stand for', placeholder: 'NAME' }),
  drainTimeout: setting(durationSeconds({ min: 0, max: 3600 }).default(30), {
    description: 'how long to wait',
    placeholder: 'TIME',
    formerly: 'drainSeconds',
  }),
  tokenFile: setting(existingFile.optional(), { description: 'file', placeholder: 'FILE' }),
  token: secretSetting(text.optional(), { description: 'join token' }),
  upstream: listSetting(upstream, { description: 'upstream', placeholder: 'LISTEN=SERVICE:PORT' }),
  verbose: switchSetting({ description: 'say more' }),
};

/** A command that takes them all. */
export const sampleCommand: CommandSpec<typeof sampleSettings> = {
  name: 'hauberk sample',
  summary: 'Shows how settings are read.',
  settings: sampleSettings,
  readsFile: true,
  examples: [{ line: 'hauberk sample --service web', purpose: 'the shortest' }],
};
