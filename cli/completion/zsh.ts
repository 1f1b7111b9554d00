import {
  byWordsBefore,
  spellings,
  type CompletedCommand,
  type CompletedFlag,
  type NextWord,
} from './completed-words.ts';

/** The script for zsh: sourced, or as the file _hauberk in a folder of $fpath. */
export function zshCompletion(
  commands: readonly CompletedCommand[],
  next: readonly NextWord[],
): string {
  const families = byWordsBefore(next).map(([before, following]) => {
    const choices = following.map(({ word, purpose }) => `      ${described(word, purpose)}`);
    return [`    '${before}') choices+=(`, ...choices, '    ) ;;'].join('\n');
  });
  return `#compdef hauberk
# zsh completion of hauberk

_hauberk() {
  local current=\${words[CURRENT]} previous=\${words[CURRENT-1]} word before=''
  local -a choices
  if [[ $current == --*=* ]]; then
    previous=\${current%%=*}
    compset -P '*='
  fi
  for word in "\${(@)words[2,CURRENT-1]}"; do
    [[ $word == -* ]] && break
    before+="$word "
  done
  case $before in
${families.join('\n')}
  esac
  case $before in
${commands.map(zshCommand).join('\n')}
  esac
  _describe 'hauberk' choices
}

# Run as the function of $fpath, or sourced.
if [[ \${funcstack[1]} == _hauberk ]]; then
  _hauberk "$@"
else
  compdef _hauberk hauberk
fi
`;
}

function zshCommand({ words, flags, operands }: CompletedCommand): string {
  const cases = flags
    .filter(({ value }) => value !== 'none')
    .map((flag) => `        ${spellings(flag).join('|')}) ${zshValue(flag)}; return ;;`);
  const values = cases.length === 0 ? [] : ['      case $previous in', ...cases, '      esac'];
  const choices = flags.map(({ flag, purpose }) => `        ${described(flag, purpose)}`);
  const operand = zshOperands(operands);
  const offered = ['      choices+=(', ...choices, '      )'];
  return [`    '${words} '*)`, ...values, ...offered, ...operand, '      ;;'].join('\n');
}

function zshOperands(operands: CompletedCommand['operands']): readonly string[] {
  if (operands === 'file') return ['      _files'];
  return typeof operands === 'string' ? [] : [`      compadd -- ${operands.join(' ')}`];
}

function zshValue({ value, purpose }: CompletedFlag): string {
  if (value === 'file') return '_files';
  if (value === 'directory') return '_files -/';
  return typeof value === 'string'
    ? `_message ${quoted(purpose)}`
    : `compadd -- ${value.join(' ')}`;
}

function described(word: string, purpose: string): string {
  return quoted(`${word}:${purpose.replaceAll(':', '\\:')}`);
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
