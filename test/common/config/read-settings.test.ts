import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { readSettings } from '../../../common/config/read-settings.ts';
import { sampleCommand } from './sample-command.ts';

function file(t: ExecutionContext, content: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'hauberk-config-'));
  t.teardown(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'hauberk.yaml');
  writeFileSync(path, content);
  return path;
}

function read(argv: readonly string[], env: Record<string, string> = {}) {
  const request = readSettings(sampleCommand, argv, env);
  if (request.kind !== 'run') throw new Error('the help came');
  return request.settings;
}

test('defaults stand where nothing is given', (t) => {
  t.deepEqual(read(['--service', 'web']), {
    service: 'web',
    drainTimeout: 30,
    metricsPort: 15020,
    tokenFile: undefined,
    token: undefined,
    upstream: [],
    verbose: false,
  });
});

test('flags win over the environment, which wins over the file', (t) => {
  const config = file(t, 'service: from-file\ndrainTimeout: 1\nmetricsPort: 1001\nverbose: true\n');
  const env = { HAUBERK_CONFIG: config, HAUBERK_DRAIN_TIMEOUT: '2', HAUBERK_METRICS_PORT: '1002' };
  const settings = read(['--metrics-port', '1003', '--no-verbose'], env);
  t.like(settings, { service: 'from-file', drainTimeout: 2, metricsPort: 1003, verbose: false });
});

test('lists: repeated flags, commas in the environment, a list in the file', (t) => {
  const flags = ['--upstream', '1=a:1', '--upstream', '2=b:2'];
  const config = file(t, 'service: web\nupstream:\n  - 1=a:1\n  - 2=b:2\n');
  const readings = [
    read(['--service', 'web', ...flags]),
    read(['--service', 'web'], { HAUBERK_UPSTREAM: '1=a:1, 2=b:2' }),
    read(['--config', config]),
  ];
  for (const { upstream } of readings) {
    t.deepEqual(
      upstream.map(({ service, port }) => `${service}:${port}`),
      ['a:1', 'b:2'],
    );
  }
});

test('an empty variable counts as not set, an empty file as no file', (t) => {
  const config = file(t, '# nothing\n');
  t.is(
    read(['--service', 'web', '--config', config], { HAUBERK_DRAIN_TIMEOUT: '' }).drainTimeout,
    30,
  );
});

test('times may have a unit', (t) => {
  t.is(read(['--service', 'web', '--drain-timeout', '2m']).drainTimeout, 120);
});

test('a former name of a setting is read as the setting, with a warning that names both', (t) => {
  const config = file(t, 'service: web\ndrainSeconds: 5\n');
  const web = ['--service', 'web'];
  for (const [argv, env, former, name] of [
    [[...web, '--drain-seconds=5'], {}, '--drain-seconds', '--drain-timeout'],
    [web, { HAUBERK_DRAIN_SECONDS: '5' }, 'HAUBERK_DRAIN_SECONDS', 'HAUBERK_DRAIN_TIMEOUT'],
    [['--config', config], {}, 'drainSeconds', 'drainTimeout'],
  ] as const) {
    const request = readSettings(sampleCommand, argv, env as Record<string, string>);
    if (request.kind !== 'run') throw new Error('the help came');
    t.is(request.settings.drainTimeout, 5, former);
    t.deepEqual(
      request.warnings.map(({ event, setting }) => [event, setting]),
      [['setting-renamed', former]],
    );
    t.true(request.warnings[0]?.sentence.startsWith(`${former} is called ${name} now`));
  }
  const both = readSettings(sampleCommand, [...web, '--drain-seconds=5', '--drain-timeout=6'], {});
  t.like(both, { settings: { drainTimeout: 6 }, warnings: [] }, 'the name of today wins');
});

test('a secret comes from the environment', (t) => {
  t.is(read(['--service', 'web'], { HAUBERK_TOKEN: 's3cret' }).token, 's3cret');
});

interface Refusal {
  readonly title: string;
  readonly argv?: readonly string[];
  readonly env?: Record<string, string>;
  readonly yaml?: string;
  readonly code: string;
  readonly says: RegExp;
  readonly hints?: RegExp;
}

const REFUSALS: readonly Refusal[] = [
  {
    title: 'a missing setting',
    argv: ['--drain-timeout', '1'],
    code: 'setting-missing',
    says: /service/,
    hints: /--service NAME or HAUBERK_SERVICE/,
  },
  {
    title: 'an unknown flag',
    argv: ['--servise', 'x'],
    code: 'flag-unknown',
    says: /--servise/,
    hints: /--service\?/,
  },
  {
    title: 'a flag without its value',
    argv: ['--service'],
    code: 'flag-value-missing',
    says: /--service/,
  },
  { title: 'a stray word', argv: ['web'], code: 'argument-unexpected', says: /got another word/ },
  {
    title: 'a wrong port in a flag',
    argv: ['--metrics-port', '70000'],
    code: 'setting-invalid',
    says: /^--metrics-port: expected a port from 1 to 65535, got "70000"$/,
  },
  {
    title: 'a wrong time in the environment',
    env: { HAUBERK_DRAIN_TIMEOUT: 'soon' },
    code: 'setting-invalid',
    says: /^HAUBERK_DRAIN_TIMEOUT: expected a time from 0s to 1h .*got "soon"$/,
  },
  {
    title: 'a wrong list item',
    argv: ['--upstream', '1=a:1', '--upstream', 'nonsense'],
    code: 'setting-invalid',
    says: /^--upstream: expected LISTEN=.*got "nonsense"$/,
  },
  {
    title: 'a file that is not there',
    argv: ['--token-file', '/nowhere/token'],
    code: 'setting-invalid',
    says: /^--token-file: there is no file "\/nowhere\/token"$/,
  },
  {
    title: 'a folder for a file',
    argv: ['--token-file', '/tmp'],
    code: 'setting-invalid',
    says: /folder/,
  },
  {
    title: 'an unknown key',
    yaml: 'service: web\ndrainTimeot: 3\n',
    code: 'key-unknown',
    says: /hauberk\.yaml:2 .*"drainTimeot"/,
    hints: /drainTimeout/,
  },
  {
    title: 'a wrong type',
    yaml: 'service: web\ndrainTimeout: [1]\n',
    code: 'setting-invalid',
    says: /^drainTimeout \(.*hauberk\.yaml:2\): expected a time .*got a list$/,
  },
  {
    title: 'text for a switch',
    yaml: 'service: web\nverbose: maybe\n',
    code: 'setting-invalid',
    says: /true or false/,
  },
  {
    title: 'text for a list',
    yaml: 'service: web\nupstream: 1=a:1\n',
    code: 'setting-invalid',
    says: /expected a list/,
  },
  {
    title: 'YAML that cannot be read',
    yaml: 'service: web\nupstream: [1\nx: y\n',
    code: 'file-malformed',
    says: /hauberk\.yaml:\d is not valid YAML/,
  },
  {
    title: 'a key twice',
    yaml: 'service: web\nservice: api\n',
    code: 'file-malformed',
    says: /hauberk\.yaml:2/,
  },
  {
    title: 'a file of another shape',
    yaml: '- web\n',
    code: 'file-malformed',
    says: /must be a list of settings/,
  },
  {
    title: 'aliases that nest without end',
    yaml: `service: &a [x, x]\n${['b', 'c', 'd', 'e', 'f', 'g', 'h'].map((n, i) => `${n}: &${n} [${`*${'abcdefg'[i]}, `.repeat(9)}]`).join('\n')}\n`,
    code: 'file-malformed',
    says: /cannot be read|not valid/,
  },
  {
    title: 'a missing file',
    argv: ['--config', '/nowhere.yaml'],
    code: 'file-missing',
    says: /\/nowhere\.yaml/,
  },
  {
    title: 'a folder as the file',
    argv: ['--config', '/tmp'],
    code: 'file-unreadable',
    says: /EISDIR/,
  },
  {
    title: 'a secret in the file',
    yaml: 'service: web\ntoken: s3cret\n',
    code: 'key-unknown',
    says: /"token"/,
    hints: /HAUBERK_TOKEN/,
  },
];

for (const { title, argv = [], env = {}, yaml, code, says, hints } of REFUSALS) {
  test(`refused: ${title}`, (t) => {
    const from = yaml === undefined ? [] : ['--config', file(t, yaml)];
    const service =
      yaml === undefined && code !== 'setting-missing' ? { HAUBERK_SERVICE: 'web' } : {};
    const error = t.throws(() => read([...argv, ...from], { ...service, ...env }), { code });
    t.regex(error.message, says);
    t.false(error.message.includes('\n'));
    if (hints !== undefined) t.regex(String(Reflect.get(error, 'hint')), hints);
  });
}

test('a secret as a flag is refused without being repeated', (t) => {
  for (const argv of [['--token', 's3cret'], ['--token=s3cret']]) {
    const error = t.throws(() => read(['--service', 'web', ...argv]), { code: 'flag-unknown' });
    t.regex(error.message, /^--token is not a flag/);
    t.regex(String(Reflect.get(error, 'hint')), /HAUBERK_TOKEN or --token-file/);
  }
});

test('the help shows purpose, default, variable and examples', (t) => {
  const request = readSettings(sampleCommand, ['--help'], {});
  if (request.kind !== 'help') throw new Error('no help came');
  for (const part of [
    '--drain-timeout <TIME>',
    '(default: 30)',
    '[HAUBERK_DRAIN_TIMEOUT]',
    '(required)',
    'HAUBERK_TOKEN  join token',
    '# the shortest',
    '--config <FILE>',
  ]) {
    t.true(request.text.includes(part), part);
  }
  t.notRegex(request.text, /--no-verbose|--token </);
});

test('the help lists advanced settings after the others, under a heading of their own', (t) => {
  const request = readSettings(sampleCommand, ['--help'], {});
  if (request.kind !== 'help') throw new Error('no help came');
  const [, options = '', advanced = ''] = request.text.split(/^(?:Options|Advanced):$/m);
  t.regex(options, /--service <NAME>/);
  t.notRegex(options, /--metrics-port/);
  t.regex(advanced, /--metrics-port <PORT>/);
  t.notRegex(advanced, /--service <NAME>/);
});
