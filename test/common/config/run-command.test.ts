import test from 'ava';
import { runCommand } from '../../../common/config/run-command.ts';
import { ListenError } from '../../../common/network/listen.ts';
import { sampleCommand } from './sample-command.ts';

async function run(argv: readonly string[], action: () => Promise<number>) {
  const out: string[] = [];
  const err: string[] = [];
  const stdout = { write: (text: string) => out.push(text) };
  const stderr = { write: (text: string) => err.push(text) };
  const code = await runCommand(sampleCommand, { argv, env: {}, stdout, stderr }, action);
  return { code, out: out.join(''), err: err.join('') };
}

const web = ['--service', 'web'];

test('the exit code is what the command says', async (t) => {
  t.deepEqual(await run(web, async () => 0), { code: 0, out: '', err: '' });
  t.is((await run(web, async () => 1)).code, 1);
});

test('the help is an answer and not a failure', async (t) => {
  const { code, out, err } = await run(['--help'], async () => (t.fail(), 0));
  t.is(code, 0);
  t.is(err, '');
  t.regex(out, /^Usage: hauberk sample/);
});

test('a wrong configuration is one sentence and exit code 2', async (t) => {
  const { code, out, err } = await run(['--servise', 'x'], async () => (t.fail(), 0));
  t.deepEqual(
    { code, out, err },
    {
      code: 2,
      out: '',
      err: 'hauberk sample: there is no flag --servise; did you mean --service?\n',
    },
  );
});

test('a port in use is exit code 2', async (t) => {
  const failing = () => Promise.reject(new ListenError('address-in-use', 'the port is in use'));
  t.is((await run(web, failing)).code, 2);
});

test('a failure is one line without secrets and without a stack', async (t) => {
  const failing = () => Promise.reject(new Error('bad hbk-1-abc-def-ghi\n  at somewhere'));
  const { code, err } = await run(web, failing);
  t.is(code, 1);
  t.is(err, 'hauberk sample: unexpected error: bad hbk-[redacted] at somewhere\n');
});
