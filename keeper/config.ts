import { setting, type SettingsOf } from '../common/config/settings.ts';
import { choice, filePath, text } from '../common/config/values.ts';
import { LOG_LEVELS } from '../common/logging/logger.ts';

/** Everything that `hauberk keeper` can be told. */
export const KEEPER_SETTINGS = {
  engineSocket: setting(filePath.default('/var/run/docker.sock'), {
    description: 'socket of the Docker engine',
    placeholder: 'FILE',
    advanced: true,
  }),
  project: setting(text.optional(), {
    description: 'the Compose project to watch; other projects are not changed',
    placeholder: 'NAME',
    defaultText: 'the one of its own container',
  }),
  logLevel: setting(choice(LOG_LEVELS).default('info'), {
    description: `one of ${LOG_LEVELS.join(', ')}`,
    placeholder: 'LEVEL',
  }),
};

/** The settings of a keeper. */
export type KeeperSettings = SettingsOf<typeof KEEPER_SETTINGS>;
