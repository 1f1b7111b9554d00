/**
 * The demo is ended by a person, with Ctrl+C on a terminal or by closing it, while it starts or while it
 * serves: its files and processes go, and a summary says what was carried.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { ignoreError } from '../../../common/ignored.ts';
import { eventually, within } from '../../helpers/deadline.ts';
import { startHauberk } from '../../helpers/mesh/hauberk-process.ts';
import { requires } from '../../helpers/machine/requirements.ts';
import { temporaryDirectory } from '../../helpers/machine/temporary-directory.ts';

const ROOT = join(import.meta.dirname, '../../..');
const CTRL_C = '\u0003';
/** Three sidecars start on a busy machine. */
const START_DEADLINE_MS = 60_000;
const END_DEADLINE_MS = 30_000;

/** Runs a command in this checkout on a pseudo terminal. */
async function onTerminal(t: ExecutionContext, command: string) {
  const temporary = await temporaryDirectory();
  t.teardown(() => temporary[Symbol.asyncDispose]());
  // The shell replaces itself, so that the terminal is the command's alone. A view needs room.
  const terminal = spawn(
    'script',
    ['--quiet', '--return', '--command', `stty rows 40 cols 120; exec ${command}`, '/dev/null'],
    {
      cwd: ROOT,
      env: { ...process.env, TMPDIR: temporary.path, TERM: 'xterm', FORCE_COLOR: '0' },
      stdio: ['pipe', 'pipe', 'inherit'],
    },
  );
  t.teardown(() => void terminal.kill('SIGKILL'));
  // A key that is pressed when the command has just ended reaches nobody.
  terminal.stdin.on('error', ignoreError);
  let screen = '';
  const drawn = new EventTarget();
  terminal.stdout.setEncoding('utf8').on('data', (text: string) => {
    screen += text;
    drawn.dispatchEvent(new Event('drawn'));
  });
  const ended = once(terminal, 'close') as Promise<[number]>;
  const until = async (wanted: () => Promise<boolean> | boolean): Promise<void> => {
    while (!(await wanted())) await once(drawn, 'drawn');
  };
  return {
    temporary: temporary.path,
    terminal,
    screen: () => screen,
    shows: (text: RegExp) =>
      within(
        `the terminal shows ${text}`,
        until(() => text.test(screen)),
        START_DEADLINE_MS,
      ),
    press: (key: string) => void terminal.stdin.write(key),
    ended: () => within('the command ends', ended, END_DEADLINE_MS),
  };
}

/** Processes that have the folder in an argument or in the environment. */
async function processesOf(folder: string): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const texts = pids.map(async (pid) => {
    const [line, env] = await Promise.all(
      ['cmdline', 'environ'].map((file) =>
        readFile(`/proc/${pid}/${file}`, 'utf8').catch(() => ''),
      ),
    );
    return `${line}${env}`.includes(folder) ? [`${pid}: ${line?.replaceAll('\0', ' ')}`] : [];
  });
  return (await Promise.all(texts)).flat();
}

const onPty = requires('script');
const SERVES = /requests [1-9]/;
const SUMMARY = /[1-9]\d* requests, 0 failed, .* plaintext seen 0 times/;

for (const [what, command, exitCodes] of [
  ['hauberk demo', 'cli/hauberk demo', [0]],
  ['npm run demo, which passes the signal on once more', 'npm run demo', [0, 130]],
] as const) {
  onPty(`Ctrl+C ends ${what}`, async (t) => {
    const demo = await onTerminal(t, command);
    await demo.shows(SERVES);
    await demo.shows(/See the mesh in your browser:\s+http:\/\/127\.0\.0\.1:\d+\/sign-in#\S/);
    t.is(
      (await readdir(demo.temporary)).filter((name) => name.startsWith('hauberk-demo-')).length,
      1,
    );
    demo.press(CTRL_C);
    const [code] = await demo.ended();
    t.regex(demo.screen(), SUMMARY);
    t.true(
      exitCodes.some((expected) => expected === code),
      `it ended with ${code}`,
    );
    t.deepEqual(
      (await readdir(demo.temporary)).filter((name) => name.startsWith('hauberk')),
      [],
    );
    t.deepEqual(await processesOf(demo.temporary), []);
  });
}

onPty('Ctrl+C, pressed again and again, ends a demo that has not come up', async (t) => {
  const demo = await onTerminal(t, 'cli/hauberk demo');
  const isThere = async () => (await readdir(demo.temporary)).length > 0 || undefined;
  await eventually('its folder is there', isThere);
  const pressed = setInterval(() => demo.press(CTRL_C), 100);
  try {
    const [code] = await demo.ended();
    t.not(code, 0);
  } finally {
    clearInterval(pressed);
  }
  t.deepEqual(await readdir(demo.temporary), []);
  t.deepEqual(await processesOf(demo.temporary), []);
});

onPty('a terminal that is closed ends the demo', async (t) => {
  const demo = await onTerminal(t, 'cli/hauberk demo');
  await demo.shows(SERVES);
  demo.terminal.kill('SIGKILL');
  await eventually(
    'its folder is removed',
    async () => (await readdir(demo.temporary)).length === 0 || undefined,
  );
  const isOver = async () => (await processesOf(demo.temporary)).length === 0 || undefined;
  await eventually('its processes end', isOver);
  t.deepEqual(await readdir(demo.temporary), []);
});

onPty('a demo that is killed takes its processes along', async (t) => {
  const demo = await onTerminal(t, 'cli/hauberk demo');
  await demo.shows(SERVES);
  const isDemo = (process: string): boolean => /main\.ts demo( |$)/.test(process);
  const leader = (await processesOf(demo.temporary)).find(isDemo);
  process.kill(Number.parseInt(leader ?? '', 10), 'SIGKILL');
  const others = async (): Promise<string[]> =>
    await processesOf(join(demo.temporary, 'hauberk-demo-'));
  await eventually('its processes end', async () => (await others()).length === 0 || undefined);
  const folders = async (): Promise<string[]> =>
    (await readdir(demo.temporary)).filter((name) => name.startsWith('hauberk-demo-'));
  const [left = ''] = await folders();
  t.true((await readdir(join(demo.temporary, left))).includes('control-plane'), 'it was killed');

  const next = startHauberk(['demo'], { env: { TMPDIR: demo.temporary } });
  await eventually(
    'the next demo removes the folder, and has its own',
    async () => {
      const now = await folders();
      return (now.length === 1 && now[0] !== left) || undefined;
    },
    START_DEADLINE_MS,
  );
  await next.end('SIGINT');
  t.deepEqual(await folders(), []);
});
