import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { runHauberk } from '../../helpers/mesh/hauberk-process.ts';
import { temporaryDirectory } from '../../helpers/machine/temporary-directory.ts';

test('a mistake in the file is told at once, and not when there is a token', async (t) => {
  const directory = await temporaryDirectory();
  t.teardown(() => directory[Symbol.asyncDispose]());
  const file = path.join(directory.path, 'gateway.yaml');
  await writeFile(file, 'listeners:\n  - {name: web, listen: "127.0.0.1:0", protocol: UDP}\n');
  const { code, stderr } = await runHauberk([
    'gateway',
    '--service=edge',
    `--config=${file}`,
    `--token-file=${path.join(directory.path, 'none.token')}`,
  ]);
  t.is(code, 2);
  t.regex(stderr, /gateway\.yaml:2:\d+: listeners\[0\]\.protocol: expected one of TCP, TLS, /);
});
