import type { Clock } from '../common/clock.ts';
import type { CommandContext } from '../common/config/run-command.ts';

/** What every command is given. */
export interface CliContext extends CommandContext {
  readonly clock: Clock;
}
