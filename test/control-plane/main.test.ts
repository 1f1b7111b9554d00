/**
 * The real process: killed at the worst moment it loses nothing that it has answered; started wrongly
 * it says in one sentence why it does not.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { readAdminCredential } from '../../cli/admin/credential.ts';
import { connectAdmin } from '../../cli/admin/client.ts';
import { createCsr } from '../../common/pki/csr.ts';
import { generatePrivateKey } from '../../common/pki/key.ts';
import { createChannel } from '../../common/rpc/channel.ts';
import { IdentityClient } from '../../proto/gen/hauberk/v1/identity.ts';
import { runHauberk, startHauberk, type HauberkProcess } from '../helpers/mesh/hauberk-process.ts';
import { temporaryDirectory } from '../helpers/machine/temporary-directory.ts';
import { webId } from './control-plane-under-test.ts';

const args = (dataDir: string, ...more: string[]): string[] => [
  'control-plane',
  '--data-dir',
  dataDir,
  '--grpc-listen',
  '127.0.0.1:0',
  '--http-listen',
  '127.0.0.1:0',
  ...more,
];

async function grpcPort(process: HauberkProcess): Promise<number> {
  const line = await process.logged('listening', (candidate) => candidate['listener'] === 'grpc');
  await process.logged('ready');
  return Number(line['port']);
}

test('kill -9 right after an answer loses nothing', async (t) => {
  await using directory = await temporaryDirectory();
  const first = startHauberk(args(directory.path));
  t.teardown(() => first.end('SIGKILL'));
  const address = { host: '127.0.0.1', port: await grpcPort(first) };
  const file = join(directory.path, 'admin.pem');
  const before = readAdminCredential(file);
  const admin = connectAdmin({ address, credential: before });
  const { joinToken, token } = await admin.createToken({
    namespace: 'shop',
    service: undefined,
    ttlSeconds: 600,
    uses: 1,
  });
  const channel = createChannel({ address, trustDomain: 'mesh.local', roots: before.roots });
  await new Promise<void>((resolve, reject) => {
    const request = { csr: createCsr(generatePrivateKey()), joinToken, spiffeId: webId };
    channel.client(IdentityClient).issue({ ...request, lifetimeSeconds: 0 }, (error) => {
      first.signal('SIGKILL');
      if (error === null) resolve();
      else reject(error);
    });
  });
  await first.exited;
  channel.close();
  await admin.close();

  const second = startHauberk(args(directory.path));
  t.teardown(() => second.end('SIGKILL'));
  const port = await grpcPort(second);
  const credential = readAdminCredential(file);
  t.deepEqual(credential.roots.map(String), before.roots.map(String));
  const again = connectAdmin({
    address: { host: '127.0.0.1', port },
    credential,
  });
  const [stored] = await again.listTokens();
  t.like(stored, { id: token.id, uses: 1 });
  const query = { limit: 9, namespace: 'shop', service: 'web' };
  t.deepEqual(
    (await again.listCertificates(query)).map(({ tokenId }) => tokenId),
    [token.id],
  );
  await again.close();
  t.is(await second.end('SIGTERM'), 0);
});

test('what does not fit ends it with one sentence and exit code 2', async (t) => {
  await using directory = await temporaryDirectory();
  const dataDir = join(directory.path, 'data');
  const running = startHauberk(args(dataDir));
  t.teardown(() => running.end('SIGKILL'));
  const port = await grpcPort(running);
  const file = join(directory.path, 'file');
  await writeFile(file, '');
  await mkdir(join(directory.path, 'other'));

  const cases: Record<string, [argv: string[], sentence: RegExp]> = {
    'no data directory': [['control-plane'], /--data-dir/],
    'a data directory in use': [
      args(dataDir),
      /data directory .*data cannot be used: another process/,
    ],
    'a data directory that is a file': [args(file), /data directory .*file cannot be used/],
    'a port in use': [
      args(join(directory.path, 'other'), '--grpc-listen', `127.0.0.1:${port}`),
      /grpc port 127\.0\.0\.1:\d+ is in use/,
    ],
    'a lifetime of 5 s': [
      args(join(directory.path, 'other'), '--certificate-lifetime', '5'),
      /--certificate-lifetime/,
    ],
  };
  for (const [what, [argv, sentence]] of Object.entries(cases)) {
    const { code, stdout, stderr } = await runHauberk(argv);
    t.is(code, 2, `${what}: ${stdout}${stderr}`);
    t.regex(stderr, sentence, what);
    t.regex(stderr, /^[^\n]+\n$/, `${what}: one line`);
  }
  t.is(await running.end('SIGTERM'), 0);
  const other = await runHauberk(args(dataDir, '--trust-domain', 'other.mesh'));
  t.is(other.code, 2);
  t.regex(other.stderr, /belongs to the trust domain mesh\.local, not other\.mesh/);
});
