import type { FollowedFile } from '../../common/files/followed-file.ts';
import type { Closeable, Drainable } from '../../common/lifecycle.ts';
import type { ListenerState } from '../../proto/gen/hauberk/v1/question.ts';
import { createListenerSet, type ListenerSetOptions } from './listeners/listener-set.ts';
import { followFile } from './file/follow-file.ts';
import { keepValid } from './file/keep-valid.ts';

/** What a gateway is made from. */
export interface GatewayOptions extends ListenerSetOptions {
  /** The path of the gateway's file. */
  readonly file: string;
}

/** A gateway whose listeners are open. */
export interface Gateway extends Closeable, Drainable {
  /** Reads the file and what it names again; one that cannot be used changes nothing. */
  reload(): Promise<void>;
  /** The listeners that are open. */
  listeners(): ListenerState[];
}

/** Opens the listeners of the file, and follows its changes. Throws ConfigError and ListenError. */
export async function openGateway(options: GatewayOptions): Promise<Gateway> {
  const listeners = createListenerSet(options);
  let followed: FollowedFile;
  try {
    const { clock, logger, metrics, file } = options;
    const apply = keepValid({ clock, logger }, (loaded) => listeners.apply(loaded));
    followed = await followFile({ clock, logger, metrics, file, apply });
  } catch (error) {
    listeners.close();
    throw error;
  }
  return {
    reload: () => followed.reload(),
    listeners: () => listeners.listeners(),
    refuse() {
      followed.stop();
      listeners.refuse();
    },
    idle: () => listeners.idle(),
    force: () => listeners.force(),
    async close() {
      await followed.close();
      listeners.close();
    },
  };
}
