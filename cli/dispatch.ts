import { EXIT_CODE } from '../common/config/exit-code.ts';
import { redact } from '../common/redact.ts';
import { nearestNames } from '../common/nearest-name.ts';
import type { CliContext } from './cli-context.ts';
import type { Command } from './command.ts';

/** Finds the command that the arguments begin with and runs it on the rest. */
export async function dispatch(commands: readonly Command[], context: CliContext): Promise<number> {
  const { argv, stdout, stderr } = context;
  const command = commands.find(({ words }) => beginsWith(argv, words.split(' ')));
  if (command !== undefined) {
    return command.run({ ...context, argv: argv.slice(command.words.split(' ').length) });
  }
  const [first] = argv;
  if (first === '--version' || first === '-V') {
    return dispatch(commands, { ...context, argv: ['version'] });
  }
  if (first === 'help' && argv.length > 1) {
    return dispatch(commands, { ...context, argv: [...argv.slice(1), '--help'] });
  }
  const family = commands.filter(({ words }) => words.startsWith(`${first} `));
  const rest = family.length > 0 ? argv.slice(1) : argv;
  if (rest.length === 0 || ['help', '--help', '-h'].includes(rest[0] ?? '')) {
    // Asked for nothing: the help is then an answer to a mistake.
    const asked = rest.length > 0;
    (asked ? stdout : stderr).write(overview(family.length > 0 ? family : commands));
    return asked ? EXIT_CODE.ok : EXIT_CODE.usage;
  }
  stderr.write(unknown(argv, commands));
  return EXIT_CODE.usage;
}

function beginsWith(argv: readonly string[], words: readonly string[]): boolean {
  return words.every((word, index) => argv[index] === word);
}

function unknown(argv: readonly string[], commands: readonly Command[]): string {
  const [first = '', second = ''] = argv;
  const known = commands.map(({ words }) => words);
  const [near] = [...nearestNames(`${first} ${second}`, known), ...nearestNames(first, known)];
  const hint = near === undefined ? 'see hauberk --help' : `did you mean hauberk ${near}?`;
  const family = known.some((words) => words.startsWith(`${first} `));
  const typed = JSON.stringify(family ? `${first} ${second}` : first);
  return redact(`hauberk: there is no command ${typed}; ${hint}\n`);
}

const FIRST_STEPS = `First steps:
  # a demo mesh on this machine
  hauberk demo

  # a control plane, which keeps its state in ./hauberk-data
  hauberk control-plane --data-dir ./hauberk-data

  # a token for a service, and a sidecar that joins with it
  hauberk token create --namespace shop --service web > web.token
  hauberk proxy --namespace shop --service web --token-file web.token \\
    --state-dir ./web-state --upstream 127.0.0.1:9000=api:8080 --expose 8080

  # list the sidecars
  hauberk status
`;

/** What the help without a command shows. */
function overview(commands: readonly Command[]): string {
  const width = Math.max(...commands.map(({ words }) => words.length));
  const groups = (['Run', 'Operate'] as const)
    .map((group) => ({ group, members: commands.filter((command) => command.group === group) }))
    .filter(({ members }) => members.length > 0)
    .map(({ group, members }) =>
      [
        `${group}:`,
        ...members.map(({ words, purpose }) => `  hauberk ${words.padEnd(width)}  ${purpose}`),
      ].join('\n'),
    );
  return [
    'Usage: hauberk COMMAND [flags]',
    'Mutual TLS between services, with certificates that renew themselves.',
    ...groups,
    'hauberk COMMAND --help explains a command.\nEvery flag is also a variable: --data-dir is HAUBERK_DATA_DIR.',
    FIRST_STEPS.trimEnd(),
    'Exit codes: 0 done, 1 failed, 2 wrong usage or configuration, 3 control plane not reached.\n',
  ].join('\n\n');
}
