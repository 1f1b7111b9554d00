/** A variable that nobody knows is named at the start; the list of the known ones is complete. */
import test from 'ava';
import { COMMANDS } from '../../cli/command-table.ts';
import { systemClock } from '../../common/clock.ts';
import { KNOWN_VARIABLES } from '../../common/config/known-variables.ts';
import { variableName } from '../../common/config/settings.ts';
import { unknownVariables } from '../../common/config/setting-warnings.ts';
import { controlPlaneSettings, restoreSettings } from '../../control-plane/config/config.ts';
import { KEEPER_SETTINGS } from '../../keeper/config.ts';
import { GATEWAY_SETTINGS } from '../../proxy/config/gateway.ts';
import { PROXY_SETTINGS } from '../../proxy/config/sidecar.ts';
import { INIT_NETNS_SETTINGS } from '../../proxy/interception/init-netns.ts';
import { runHauberk, startHauberk } from '../helpers/mesh/hauberk-process.ts';
import { temporaryDirectory } from '../helpers/machine/temporary-directory.ts';

test('every variable of every command is known, and no other', async (t) => {
  const tables = [controlPlaneSettings, restoreSettings, KEEPER_SETTINGS, GATEWAY_SETTINGS];
  const programs = [...tables, PROXY_SETTINGS, INIT_NETNS_SETTINGS].flatMap((table) =>
    Object.entries(table).flatMap(([key, { formerly = [] }]) =>
      [key, formerly].flat().map(variableName),
    ),
  );
  let help = '';
  const stdout = { write: (text: string) => (help += text) };
  for (const { run } of COMMANDS) {
    await run({ argv: ['--help'], env: {}, stdout, stderr: stdout, clock: systemClock });
  }
  const shown = help.match(/HAUBERK_[A-Z\d_]+/g) ?? [];
  const all = [...new Set([...programs, ...shown, 'HAUBERK_CONFIG'])];
  t.deepEqual([...KNOWN_VARIABLES], all.toSorted());
});

for (const [variable, near] of [
  ['HAUBERK_UPSTREEM', 'did you mean HAUBERK_UPSTREAM?'],
  ['HAUBERK_STATEDIR', 'did you mean HAUBERK_STATE_DIR?'],
  ['HAUBERK_DATA_DIRS', 'did you mean HAUBERK_DATA_DIR?'],
  ['HAUBERK_', 'see docs/configuration.md'],
  ['HAUBERK_COLOUR_OF_THE_SKY', 'see docs/configuration.md'],
] as const) {
  test(`unknown: ${variable}`, (t) => {
    const env = {
      [variable]: 'secret',
      HAUBERK_TOKEN: 'a',
      HAUBERK_GRPC_LISTEN: 'b',
      HAUBERK_NONE: '',
      PATH: 'c',
    };
    const sentence = `the variable ${variable} is unknown and has no effect; ${near}`;
    t.deepEqual(unknownVariables(PROXY_SETTINGS, env), [
      { event: 'variable-unknown', setting: variable, sentence },
    ]);
  });
}

test('a command warns on standard error, and does what it was asked', async (t) => {
  const env = { HAUBERK_ADMN: 'secret', HAUBERK_SERVICE: 'api' };
  const { stderr, code } = await runHauberk(['version'], { env });
  t.is(
    stderr,
    'hauberk version: warning: the variable HAUBERK_ADMN is unknown and has no effect; did you mean HAUBERK_ADMIN?\n',
  );
  t.is(code, 0);
});

test('a program warns in its log, and on standard error when it cannot even start', async (t) => {
  await using directory = await temporaryDirectory();
  const env = { HAUBERK_HTP_LISTEN: '127.0.0.1:1' };
  const args = [
    'control-plane',
    `--data-dir=${directory.path}`,
    '--grpc-listen=127.0.0.1:0',
    '--http-listen=127.0.0.1:0',
  ];
  const controlPlane = startHauberk(args, { env });
  t.teardown(() => controlPlane.end('SIGKILL'));
  const line = await controlPlane.logged('variable-unknown');
  t.like(line, { level: 'warn', variable: 'HAUBERK_HTP_LISTEN' });
  t.regex(String(line.msg), /did you mean HAUBERK_HTTP_LISTEN\?/);
  await controlPlane.end();

  const { code, stderr } = await runHauberk(['proxy'], { env: { HAUBERK_SERVIC: 'api' } });
  t.is(code, 2);
  t.regex(
    stderr,
    /^hauberk proxy: warning: .*HAUBERK_SERVIC is unknown.*HAUBERK_SERVICE\?\nhauberk proxy: .* missing/,
  );
});
