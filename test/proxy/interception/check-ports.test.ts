// With --transparent a sidecar listens where the rules redirect to, and nowhere else.
import test from 'ava';
import { readSettings } from '../../../common/config/read-settings.ts';
import { ConfigError } from '../../../common/config/config-error.ts';
import { PROXY_SETTINGS } from '../../../proxy/config/sidecar.ts';
import { checkCapturingPorts } from '../../../proxy/interception/check-ports.ts';
import { runHauberk } from '../../helpers/mesh/hauberk-process.ts';
import { temporaryDirectory } from '../../helpers/machine/temporary-directory.ts';

function check(...args: readonly string[]): void {
  const spec = { name: 'hauberk proxy', summary: '', settings: PROXY_SETTINGS };
  const request = readSettings(spec, ['--service=web', '--transparent', ...args], {});
  if (request.kind === 'run') checkCapturingPorts(request.settings);
}

for (const args of [
  [],
  ['--hbone-listen=0.0.0.0:15008', '--inbound-listen=0.0.0.0:15006'],
  ['--metrics-listen=127.0.0.1:0'],
  ['--metrics-listen=[::1]:9000'],
  ['--metrics-listen=[::]:9000', '--exclude-port=9000'],
  ['--hbone-listen=[::]:16008', '--exclude-port=16008'],
]) {
  test(`the rules fit: ${args.join(' ')}`, (t) => {
    t.notThrows(() => check(...args));
  });
}

for (const [args, says] of [
  [
    ['--outbound-listen=127.0.0.1:16001'],
    /^--outbound-listen: port 16001 is not 15001, .* redirect to; use port 15001$/,
  ],
  [
    ['--outbound-listen=127.0.0.1:16001', '--exclude-port=16001'],
    /^--outbound-listen: port 16001 is not 15001/,
  ],
  [
    ['--inbound-listen=[::]:0'],
    /^--inbound-listen: port 0 is not 15006, .* redirect to; use port 15006$/,
  ],
  [
    ['--hbone-listen=[::]:16008'],
    /^--hbone-listen: port 16008 is not 15008, .* leave alone; use port 15008, or give --exclude-port 16008 here and to init-netns$/,
  ],
  [['--hbone-listen=127.0.0.1:16008'], /^--hbone-listen: port 16008 is not 15008/],
  [['--metrics-listen=[::]:9000'], /^--metrics-listen: port 9000 is not 15020/],
  [['--metrics-listen=10.0.0.1:9000', '--exclude-port=9001'], /^--metrics-listen: port 9000/],
] as const) {
  test(`the rules do not fit: ${args.join(' ')}`, (t) => {
    const error = t.throws(() => check(...args), { instanceOf: ConfigError });
    t.regex(`${error.message}; ${error.hint ?? ''}`, says);
  });
}

test('a sidecar with such a port does not start, and one that captures nothing may have it', async (t) => {
  await using directory = await temporaryDirectory();
  const run = (...args: string[]) =>
    runHauberk([
      'proxy',
      '--service=web',
      `--state-dir=${directory.path}`,
      '--outbound-listen=127.0.0.1:16001',
      ...args,
    ]);
  const refused = await run('--transparent');
  t.is(refused.code, 2);
  t.regex(refused.stderr, /--outbound-listen: port 16001 is not 15001/);
  t.notRegex(
    (await run('--metrics-listen=127.0.0.1:0')).stderr,
    /outbound-listen/,
    'it wants a token',
  );
});
