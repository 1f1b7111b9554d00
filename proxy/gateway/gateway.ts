import type { Closeable, Drainable } from '../../common/lifecycle.ts';
import { createDoors, type DoorsOptions } from './doors.ts';
import { followFile, type FollowedFile } from './follow-file.ts';
import { keepValid } from './keep-valid.ts';

/** What a gateway is made from. */
export interface GatewayOptions extends DoorsOptions {
  /** The path of the gateway's file. */
  readonly file: string;
}

/** A gateway whose listeners are open. */
export interface Gateway extends Closeable, Drainable {
  /** Reads the file and what it names again; one that cannot be used changes nothing. */
  reload(): Promise<void>;
}

/** Opens the listeners of the file, and follows its changes. Throws ConfigError and ListenError. */
export async function openGateway(options: GatewayOptions): Promise<Gateway> {
  const doors = createDoors(options);
  let followed: FollowedFile;
  try {
    const apply = keepValid(options, (listeners) => doors.apply(listeners));
    followed = await followFile({ ...options, apply });
  } catch (error) {
    doors.close();
    throw error;
  }
  return {
    reload: () => followed.reload(),
    refuse() {
      void followed.close();
      doors.refuse();
    },
    idle: () => doors.idle(),
    force: () => doors.force(),
    async close() {
      await followed.close();
      doors.close();
    },
  };
}
