// The scripts of `hauberk completion`, asked by the real shells.
import { spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import test from 'ava';
import { runHauberk } from '../../helpers/mesh/hauberk-process.ts';
import { requires } from '../../helpers/machine/requirements.ts';
import { temporaryDirectory } from '../../helpers/machine/temporary-directory.ts';

const LOG_LEVELS = ['debug', 'error', 'info', 'silent', 'trace', 'warn'];

/** Lines as they are typed up to the cursor, and what is offered there; `null`: names of files. */
const CASES: ReadonlyArray<readonly [string, (offered: readonly string[]) => boolean]> = [
  [
    'hauberk ',
    (offered) => ['proxy', 'token', 'status', 'completion'].every((one) => offered.includes(one)),
  ],
  ['hauberk tok', (offered) => same(offered, ['token'])],
  [
    'hauberk token ',
    (offered) =>
      ['create', 'list', 'revoke'].every((one) => offered.includes(one)) &&
      !offered.includes('status'),
  ],
  ['hauberk token create --name', (offered) => same(offered, ['--namespace'])],
  ['hauberk token list --name', (offered) => offered.length === 0],
  ['hauberk proxy --log-level ', (offered) => same(offered, LOG_LEVELS)],
  [
    'hauberk proxy --service web --log-level=d',
    (offered) =>
      same(
        offered.map((one) => one.replace(/^.*=/, '')),
        ['debug'],
      ),
  ],
  ['hauberk proxy --teard', (offered) => offered.length === 0],
  ['hauberk proxy init-netns --teard', (offered) => same(offered, ['--teardown'])],
  ['hauberk proxy --service ', (offered) => offered.length === 0],
  [
    'hauberk proxy --token-file ',
    (offered) => offered.includes('a file') && !offered.includes('--service'),
  ],
  [
    'hauberk proxy --state-dir ',
    (offered) =>
      same(
        offered.map((one) => one.replace(/\/$/, '')),
        ['folder'],
      ),
  ],
  ['hauberk inject ', (offered) => offered.includes('a file')],
  [
    'hauberk completion ',
    (offered) => ['bash', 'fish', 'zsh'].every((one) => offered.includes(one)),
  ],
];

function same(offered: readonly string[], expected: readonly string[]): boolean {
  return JSON.stringify(offered.toSorted()) === JSON.stringify(expected);
}

/** Asks bash as its completion does, with its words and the place of the cursor. */
const BASH = String.raw`
source ./script
read -ra COMP_WORDS <<<"\${LINE//=/ = }"
[[ $LINE == *' ' ]] && COMP_WORDS+=('')
COMP_CWORD=$((\${#COMP_WORDS[@]} - 1))
_hauberk
printf '%s\n' "\${COMPREPLY[@]}"`;

/** Zsh offers only in its line editor: what the script adds is shown instead. */
const ZSH = String.raw`
autoload -Uz compinit && compinit -u -d ./dump
source ./script
compadd() { while [[ $1 == -* && $1 != -- ]]; do shift; done; [[ $1 == -- ]] && shift; print -l -- "$@" }
_describe() { local -a offered=("\${(@P)2}"); print -l -- "\${(@)offered%%:*}" }
_files() { [[ $1 == -/ ]] && print -l -- *(/) || print -l -- *(.) }
_message() {}
compset() { current=\${current#*=} }
words=(\${(s: :)LINE}); [[ $LINE == *' ' ]] && words+=('')
CURRENT=$#words
_hauberk | while read -r one; do [[ $one == \${words[CURRENT]##*=}* ]] && print -r -- $one; done`;

const SHELLS = {
  bash: BASH,
  zsh: ZSH,
  fish: String.raw`source ./script; complete -C "$LINE" | string replace -r '\t.*' ''`,
};

async function ask(cwd: string, shell: keyof typeof SHELLS): Promise<(line: string) => string[]> {
  const { code, stdout, stderr } = await runHauberk(['completion', shell]);
  if (code !== 0) throw new Error(stderr);
  writeFileSync(path.join(cwd, 'script'), stdout);
  mkdirSync(path.join(cwd, 'folder'));
  writeFileSync(path.join(cwd, 'a file'), '');
  return (line) => {
    const asked = spawnSync(shell, ['-c', SHELLS[shell].replaceAll(String.raw`\$`, '$')], {
      cwd,
      env: { ...process.env, HOME: cwd, LINE: line },
      encoding: 'utf8',
    });
    if (asked.stderr !== '') throw new Error(asked.stderr);
    return asked.stdout.split('\n').filter((offered) => offered !== '');
  };
}

for (const shell of ['bash', 'zsh', 'fish'] as const) {
  requires(shell)(`${shell} offers what fits`, async (t) => {
    await using directory = await temporaryDirectory();
    const offers = await ask(directory.path, shell);
    for (const [line, fits] of CASES) {
      const offered = offers(line);
      t.true(fits(offered), `${line}| ${JSON.stringify(offered)}`);
    }
  });
}

test('another shell is refused', async (t) => {
  const { code, stdout, stderr } = await runHauberk(['completion', 'tcsh']);
  t.is(code, 2);
  t.is(stdout, '');
  t.is(
    stderr,
    'hauberk completion: expected bash, zsh or fish, got "tcsh"; see hauberk completion --help\n',
  );
});
