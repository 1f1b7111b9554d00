import {
  listSetting,
  secretSetting,
  setting,
  switchSetting,
  type CommandSpec,
} from '../../../common/config/settings.ts';
import {
  durationSeconds,
  existingFile,
  label,
  port,
  text,
  upstream,
} from '../../../common/config/values.ts';

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
