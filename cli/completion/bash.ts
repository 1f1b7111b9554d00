import {
  byWordsBefore,
  spellings,
  type CompletedCommand,
  type FlagValue,
  type NextWord,
} from './completed-words.ts';

/** The script that bash (4 or newer) sources; it needs no package of completions. */
export function bashCompletion(
  commands: readonly CompletedCommand[],
  next: readonly NextWord[],
): string {
  const families = byWordsBefore(next).map(([before, following]) => {
    const words = following.map(({ word }) => word);
    return `    '${before}') choices+=' ${words.join(' ')}' ;;`;
  });
  return `# bash completion of hauberk

_hauberk() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]}
  local word before='' choices='' files=''
  # Bash makes three words of --flag=value.
  if [[ $current == = ]]; then
    current=''
  elif [[ $previous == = ]]; then
    previous=\${COMP_WORDS[COMP_CWORD-2]}
  fi
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    [[ $word == -* ]] && break
    before+="$word "
  done
  case $before in
${families.join('\n')}
  esac
  case $before in
${commands.map(bashCommand).join('\n')}
  esac
  mapfile -t COMPREPLY < <(compgen $files -W "$choices" -- "$current")
  [[ -z $files ]] || compopt -o filenames 2>/dev/null
}

complete -F _hauberk hauberk
`;
}

function bashCommand({ words, flags, operands }: CompletedCommand): string {
  const takers = flags.filter(({ value }) => value !== 'none');
  const cases = Object.entries(Object.groupBy(takers, ({ value }) => bashValue(value))).map(
    ([action, members = []]) => `        ${members.flatMap(spellings).join('|')}) ${action} ;;`,
  );
  const names = flags.map(({ flag }) => flag).join(' ');
  const offered = `${bashOperands(operands)} choices+=' ${names}'`.trimStart();
  const body = ['      case $previous in', ...cases, `        *) ${offered} ;;`, '      esac'];
  return [`    '${words} '*)`, ...body, '      ;;'].join('\n');
}

function bashOperands(operands: CompletedCommand['operands']): string {
  if (operands === 'file') return 'files=-f';
  return typeof operands === 'string' ? '' : `choices+=' ${operands.join(' ')}'`;
}

function bashValue(value: FlagValue): string {
  if (value === 'file') return "choices='' files=-f";
  if (value === 'directory') return "choices='' files=-d";
  return typeof value === 'string' ? 'return' : `choices='${value.join(' ')}'`;
}
