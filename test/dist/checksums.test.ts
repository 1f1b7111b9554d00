// What a user verifies a download with: openssl and sha256sum, as docs/install.md says.
import { execFile } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { writeChecksums } from '../../tools/dist/checksums.ts';
import { requires } from '../helpers/machine/requirements.ts';
import { temporaryDirectory } from '../helpers/machine/temporary-directory.ts';

const run = promisify(execFile);

/** The commands of docs/install.md. */
async function documentedCommands(): Promise<string> {
  const page = await readFile(join(import.meta.dirname, '../../docs/install.md'), 'utf8');
  const [, block = ''] = /```sh\n(openssl pkeyutl [^`]*)```/.exec(page) ?? [];
  return block;
}

async function signedFolder(algorithm: readonly string[]) {
  const folder = await temporaryDirectory();
  const file = (name: string): string => join(folder.path, name);
  await run('openssl', ['genpkey', ...algorithm, '-out', file('key.pem')]);
  await run('openssl', [
    'pkey',
    '-in',
    file('key.pem'),
    '-pubout',
    '-out',
    file('hauberk-release.pub'),
  ]);
  await writeFile(file('hauberk-0.1.0-linux-x64'), 'a program');
  return Object.assign(folder, { file, names: ['hauberk-0.1.0-linux-x64'] as const });
}

const ED25519 = ['-algorithm', 'ed25519'];

requires('openssl')('the documented commands accept what was signed', async (t) => {
  await using folder = await signedFolder(ED25519);
  const names = await writeChecksums(folder.path, folder.names, folder.file('key.pem'));
  t.deepEqual(names, ['SHA256SUMS', 'SHA256SUMS.sig']);
  const { stdout } = await run('sh', ['-ec', await documentedCommands()], { cwd: folder.path });
  t.regex(stdout, /Signature Verified Successfully\nhauberk-0\.1\.0-linux-x64: OK\n/);
});

for (const changed of ['SHA256SUMS', 'hauberk-0.1.0-linux-x64'] as const) {
  requires('openssl')(`the documented commands refuse a changed ${changed}`, async (t) => {
    await using folder = await signedFolder(ED25519);
    await writeChecksums(folder.path, folder.names, folder.file('key.pem'));
    await writeFile(folder.file(changed), 'another');
    const verified = run('sh', ['-ec', await documentedCommands()], { cwd: folder.path });
    const { stdout } = (await t.throwsAsync(verified)) as Error & { readonly stdout: string };
    t.regex(stdout, /Signature Verification Failure|hauberk-0\.1\.0-linux-x64: FAILED/);
  });
}

requires('openssl')(
  'a key of another kind is refused with the command that makes one',
  async (t) => {
    await using folder = await signedFolder([
      '-algorithm',
      'EC',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
    ]);
    await t.throwsAsync(writeChecksums(folder.path, folder.names, folder.file('key.pem')), {
      message: /has a key of ec; make one with: openssl genpkey -algorithm ed25519/,
    });
  },
);

requires('openssl')('without a key there are checksums only', async (t) => {
  await using folder = await signedFolder(ED25519);
  t.deepEqual(await writeChecksums(folder.path, folder.names, undefined), ['SHA256SUMS']);
});
