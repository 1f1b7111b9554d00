import { HauberkError } from '../common/errors.ts';

/** Why the keeper cannot do its work. */
export type KeeperErrorCode =
  /** No engine answers at the socket. */
  | 'engine-unreachable'
  /** The engine, or a filter before it, does not do what it was asked. */
  | 'engine-refused'
  /** The engine answers something else than its API says. */
  | 'engine-unknown'
  /** It is not told which project to keep, and is not in one itself. */
  | 'no-project';

/** Thrown when the engine cannot be asked, or there is nothing to keep. */
export class KeeperError extends HauberkError<KeeperErrorCode> {}
