import type { MonotonicClock } from '../clock.ts';
import { describeError } from '../errors.ts';
import { repeat, type Repeated } from '../repeat.ts';

/** Files that are read again by themselves when they change. */
export interface FollowedFile extends Repeated {
  /** Reads them again now; what is wrong with them is logged, and changes nothing. */
  reload(): Promise<void>;
}

/**
 * How often files are read. Notifications of the system do not cross the mounts and the renames by which
 * files are replaced.
 */
export const READ_INTERVAL_MS = 1_000;

/** What following files takes. */
export interface FollowOptions<Contents> {
  readonly clock: MonotonicClock;
  /** Reads all that there is to read. */
  readonly read: () => Contents | Promise<Contents>;
  readonly isSame: (one: Contents, other: Contents) => boolean;
  /** Checks the contents, and puts them in force. What was in force before stays when it throws. */
  readonly take: (contents: Contents) => Promise<void>;
  /** They cannot be used, for a reason that was not told of last. */
  readonly refused: (error: unknown) => void;
}

/** Files whose contents are in force. */
export interface FileFollower {
  /** Whether what the files held last is in force. */
  readonly valid: boolean;
  /** Reads them now. Throws what is wrong with them. */
  readNow(): Promise<void>;
  /** As `readNow`, but what is wrong is told of. */
  reload(): Promise<void>;
  /** Follows them from now on. */
  start(): FollowedFile;
}

/**
 * Follows files: whatever cannot be read or used changes nothing and is told of once, and good contents are
 * taken up when they come, be they the ones of before.
 *
 * @param present what is in force already
 */
export function followFiles<Contents>(
  { clock, read, isSame, take, refused }: FollowOptions<Contents>,
  present?: Contents,
): FileFollower {
  let inForce = present;
  let complaint: string | undefined;

  async function readNow(): Promise<void> {
    const before = inForce;
    inForce = undefined;
    const contents = await read();
    if (before === undefined || !isSame(contents, before)) await take(contents);
    inForce = contents;
    complaint = undefined;
  }

  async function look(): Promise<void> {
    try {
      await readNow();
    } catch (error) {
      const sentence = describeError(error);
      if (sentence === complaint) return;
      complaint = sentence;
      refused(error);
    }
  }

  let turn: Promise<void> = Promise.resolve();
  let closed = false;
  const reload = async (): Promise<void> => {
    // One after the other: each starts from what the one before has put in force.
    turn = turn.then(async () => (closed ? undefined : await look()));
    await turn;
  };

  return {
    get valid() {
      return inForce !== undefined;
    },
    readNow,
    reload,
    start() {
      const repeated = repeat(clock, READ_INTERVAL_MS, reload);
      return {
        reload,
        stop() {
          closed = true;
          repeated.stop();
        },
        async close() {
          closed = true;
          await repeated.close();
          await turn;
        },
      };
    },
  };
}
