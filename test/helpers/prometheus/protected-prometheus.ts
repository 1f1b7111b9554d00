import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { createExternalPki } from '../pki/external-pki.ts';
import { freePort } from '../machine/free-port.ts';
import type { Scope } from '../scope.ts';

/** The machine's Prometheus, with a certificate and users. It scrapes nothing. */
export interface ProtectedPrometheus {
  readonly url: string;
  readonly directory: string;
  /** The user whom it knows. */
  readonly user: string;
  readonly password: string;
  /** Paths of PEM files. `strangerCert` is of an authority that it does not know. */
  readonly files: Readonly<Record<'ca' | 'cert' | 'key' | 'strangerCert' | 'strangerKey', string>>;
}

/** Of the lowest cost that bcrypt has. */
const PASSWORD = 'let me: in';
const HASH = '$2b$04$abcdefghijklmnopqrstuuG3j6gGD6x7Q5NMUHWAJiLoPM9T5oj7u';

const LEAF = { signer: 'root', basicConstraints: 'CA:FALSE' } as const;
const KEY_USAGE = 'keyUsage=critical,digitalSignature';

/** Starts it (`--web.config.file`); who asks has to wait until it answers. */
export async function startProtectedPrometheus(
  scope: Scope,
  asks: 'user' | 'certificate',
): Promise<ProtectedPrometheus> {
  const { openssl, authority } = await createExternalPki(scope);
  const { directory } = openssl;
  const usage = (extended: string): string[] => [KEY_USAGE, `extendedKeyUsage=${extended}`];
  const subject = 'subjectAltName=IP:127.0.0.1';
  await authority('server', { ...LEAF, extensions: [...usage('serverAuth'), subject] });
  await authority('client', { ...LEAF, extensions: usage('clientAuth') });
  await authority('elsewhere', { signer: 'elsewhere' });
  await authority('stranger', {
    ...LEAF,
    signer: 'elsewhere',
    extensions: usage('clientAuth'),
  });
  const user = 'hauberk';
  const web = [
    'tls_server_config:',
    '  cert_file: server.pem',
    '  key_file: server.key',
    ...(asks === 'user'
      ? ['basic_auth_users:', `  ${user}: '${HASH}'`]
      : ['  client_auth_type: RequireAndVerifyClientCert', '  client_ca_file: root.pem']),
  ];
  const file = (name: string): string => path.join(directory, name);
  await writeFile(file('web.yml'), `${web.join('\n')}\n`);
  await writeFile(file('prometheus.yml'), '');
  const address = `127.0.0.1:${await freePort()}`;
  const prometheus: ChildProcess = spawn(
    'prometheus',
    [
      `--config.file=${file('prometheus.yml')}`,
      `--web.config.file=${file('web.yml')}`,
      `--storage.tsdb.path=${file('data')}`,
      `--web.listen-address=${address}`,
    ],
    { stdio: 'ignore' },
  );
  const ended = once(prometheus, 'close');
  scope.teardown(async () => {
    prometheus.kill('SIGKILL');
    await ended;
  });
  return {
    url: `https://${address}/`,
    directory,
    user,
    password: PASSWORD,
    files: {
      ca: file('root.pem'),
      cert: file('client.pem'),
      key: file('client.key'),
      strangerCert: file('stranger.pem'),
      strangerKey: file('stranger.key'),
    },
  };
}
