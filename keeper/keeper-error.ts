import { HauberkError } from '../common/errors.ts';

/** Why the keeper cannot do its work. */
export type KeeperErrorCode =
  | 'engine-unreachable' // No engine answers at the socket.
  | 'engine-refused' // The engine, or a filter before it, does not do what it was asked.
  | 'engine-unknown' // The engine answers something else than its API says.
  | 'no-project'; // It is not told which project to keep, and is not in one itself.

/** Thrown when the engine cannot be asked, or there is nothing to keep. */
export class KeeperError extends HauberkError<KeeperErrorCode> {}
