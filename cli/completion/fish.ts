import type { CompletedCommand, CompletedFlag, NextWord } from './completed-words.ts';

/** The script for fish: sourced, or as hauberk.fish in a folder of its completions. */
export function fishCompletion(
  commands: readonly CompletedCommand[],
  next: readonly NextWord[],
): string {
  const known = commands.map(({ words }) => quoted(words)).join(' ');
  const words = next.map(
    ({ before, word, purpose }) =>
      `complete -c hauberk -f -n ${quoted(`__hauberk_after ${quoted(before.trimEnd())}`)} -a ${word} -d ${quoted(purpose)}`,
  );
  return `# fish completion of hauberk

# The words before the cursor, up to the first flag.
function __hauberk_words
    set -l line (commandline -opc)
    for word in $line[2..]
        string match -q -- '-*' $word; and break
        echo $word
    end
end

# Whether the words before the cursor are these.
function __hauberk_after
    set -l words (string join ' ' (__hauberk_words))
    test "$words" = "$argv"
end

# Whether the command before the cursor is this one: the longest that the words begin with.
function __hauberk_is
    set -l words (string join ' ' (__hauberk_words))' '
    for known in ${known}
        if string match -q -- "$known *" $words
            test "$known" = "$argv"
            return
        end
    end
    return 1
end

complete -c hauberk -f
${[...words, ...commands.flatMap(fishCommand)].join('\n')}
`;
}

function fishCommand({ words, flags, operands }: CompletedCommand): readonly string[] {
  const start = `complete -c hauberk -n ${quoted(`__hauberk_is ${quoted(words)}`)}`;
  const lines = flags.map((flag) => {
    const short = flag.letter === undefined ? '' : ` -s ${flag.letter}`;
    return `${start} -l ${flag.flag.slice(2)}${short} -d ${quoted(flag.purpose)}${fishValue(flag)}`;
  });
  if (operands === 'file') return [...lines, `${start} -F`];
  if (typeof operands === 'string') return lines;
  return [...lines, `${start} -f -a ${quoted(operands.join(' '))}`];
}

function fishValue({ value }: CompletedFlag): string {
  if (value === 'none') return '';
  if (value === 'file') return ' -r -F';
  if (value === 'directory') return " -r -f -a '(__fish_complete_directories)'";
  return typeof value === 'string' ? ' -x' : ` -x -a ${quoted(value.join(' '))}`;
}

function quoted(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", String.raw`\'`)}'`;
}
