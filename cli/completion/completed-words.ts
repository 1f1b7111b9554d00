import { flagName, type CommandSpec, type Setting } from '../../common/config/settings.ts';
import { choicesOf } from '../../common/config/values.ts';
import type { DescribedCommand } from '../command.ts';

/** What follows a flag: a name in the file system, one of some words, or what only the user knows. */
export type FlagValue = 'none' | 'file' | 'directory' | 'any' | readonly string[];

/** A flag as shells complete it. */
export interface CompletedFlag {
  /** With its dashes. */
  readonly flag: string;
  /** The letter of its short form. */
  readonly letter?: string | undefined;
  readonly purpose: string;
  readonly value: FlagValue;
}

/** A command as shells complete it. */
export interface CompletedCommand {
  /** `token create` */
  readonly words: string;
  readonly flags: readonly CompletedFlag[];
  /** What the words that are no flags are. */
  readonly operands: FlagValue;
}

/** What may come after the words of a line. */
export interface NextWord {
  /** The words before it, with a space after each. */
  readonly before: string;
  readonly word: string;
  /** Of the command; of a family of commands, their names. */
  readonly purpose: string;
}

const HELP: CompletedFlag = { flag: '--help', letter: 'h', purpose: 'show help', value: 'none' };

/** The commands in an order in which the first that a line begins with is the one that is meant. */
export function completedCommands(
  commands: readonly DescribedCommand[],
): readonly CompletedCommand[] {
  const completed = commands.map(({ words, spec }): CompletedCommand => {
    const settings = Object.entries(spec.settings).filter(([, { form }]) => form !== 'secret');
    const flags = settings.map(([key, setting]): CompletedFlag => {
      const { letter, description: purpose } = setting;
      return { flag: flagName(key), letter, purpose, value: valueOf(setting) };
    });
    const config: CompletedFlag = {
      flag: '--config',
      purpose: 'YAML file with settings',
      value: 'file',
    };
    const isAdded = spec.readsFile === true && !('config' in spec.settings);
    const operands = operandsOf(spec);
    return { words, operands, flags: [...flags, ...(isAdded ? [config] : []), HELP] };
  });
  return completed.toSorted((one, other) => other.words.length - one.words.length);
}

/** The words that commands are made of, each once. */
export function nextWords(commands: readonly DescribedCommand[]): readonly NextWord[] {
  const next = new Map<string, NextWord>();
  for (const { words, purpose } of commands) {
    const parts = words.split(' ');
    for (const [index, word] of parts.entries()) {
      const before = parts
        .slice(0, index)
        .map((part) => `${part} `)
        .join('');
      const isLast = index === parts.length - 1;
      const key = `${before}${word}`;
      const known = next.get(key);
      if (isLast) next.set(key, { before, word, purpose });
      else if (known === undefined) next.set(key, { before, word, purpose: family(key, commands) });
    }
  }
  return [...next.values()];
}

/** What may follow the words of a line, by those words. */
export function byWordsBefore(
  next: readonly NextWord[],
): readonly (readonly [before: string, next: readonly NextWord[]])[] {
  return [...Map.groupBy(next, ({ before }) => before)];
}

/** `--file`, `-f` */
export function spellings({ flag, letter }: CompletedFlag): readonly string[] {
  return letter === undefined ? [flag] : [flag, `-${letter}`];
}

function operandsOf({ operands = [] }: CommandSpec): FlagValue {
  const choices = operands.flatMap((operand) => operand.choices ?? []);
  if (choices.length > 0) return choices;
  if (operands.length === 0) return 'none';
  return operands.some(({ name }) => name.toLowerCase().includes('file')) ? 'file' : 'any';
}

/** `create, list, revoke` */
function family(word: string, commands: readonly DescribedCommand[]): string {
  const members = commands.filter(({ words }) => words.startsWith(`${word} `));
  return members.map(({ words }) => words.slice(word.length + 1)).join(', ');
}

function valueOf({ form, placeholder, type }: Setting): FlagValue {
  if (form === 'switch') return 'none';
  if (placeholder.startsWith('FILE')) return 'file';
  if (placeholder.startsWith('DIR')) return 'directory';
  return choicesOf(type) ?? 'any';
}
