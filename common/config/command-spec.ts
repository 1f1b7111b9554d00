import type { SettingsTable } from './settings.ts';

/** A word after the command, e.g. the id in `hauberk token revoke ID`. */
export interface Operand {
  readonly name: string;
  readonly description: string;
}

/** What a command is called, takes and tells about itself. */
export interface CommandSpec<Table extends SettingsTable = SettingsTable> {
  /** As it is typed: `hauberk proxy`. */
  readonly name: string;
  /** What it does: one or a few sentences. */
  readonly summary: string;
  readonly settings: Table;
  readonly operands?: readonly Operand[];
  /** Whether `--config FILE` is taken; the file may also be a setting of its own, which names it. */
  readonly readsFile?: boolean;
  /** Top-level keys of the file that are no settings: the command reads them itself. */
  readonly fileSections?: readonly string[];
  /** Command lines with what each is for; the help shows them. */
  readonly examples?: readonly { readonly line: string; readonly purpose: string }[];
  /** Whether the command has a log, in which it says itself what there is to warn of. */
  readonly hasLog?: boolean;
  /** More paragraphs at the end of the help. */
  readonly notes?: readonly string[];
}
