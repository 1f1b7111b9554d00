import type { CommandSpec } from '../common/config/settings.ts';

/** A command by the words that are typed for it. */
export interface NamedCommand {
  /** `token create` */
  readonly words: string;
  /** What it does, for the list of commands: a few words. */
  readonly purpose: string;
  /** Under which heading it is listed. */
  readonly group: 'Run' | 'Operate';
}

/** A command with what it says about itself. */
export interface DescribedCommand extends NamedCommand {
  readonly spec: CommandSpec;
}
