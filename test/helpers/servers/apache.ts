import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chown, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { eventually } from '../deadline.ts';
import { freePort } from '../machine/free-port.ts';
import type { Scope } from '../scope.ts';

const MODULES = '/usr/lib/apache2/modules';
/** The user and the group `daemon` of every Debian. */
const DAEMON = 1;
const NEEDED = [
  'mpm_event',
  'authz_core',
  'authz_host',
  'dav',
  'dav_fs',
  'dav_lock',
  'setenvif',
  'unixd',
];

/** Starts the machine's Apache with WebDAV on an empty folder. @returns the port, once it answers */
export async function startApacheDav(scope: Scope): Promise<number> {
  const directory = await mkdtemp(path.join(tmpdir(), 'hauberk-apache-'));
  const port = await freePort();
  const files = path.join(directory, 'files');
  await mkdir(files);
  const modules = NEEDED.filter((name) => existsSync(`${MODULES}/mod_${name}.so`)).map(
    (name) => `LoadModule ${name}_module ${MODULES}/mod_${name}.so`,
  );
  const file = path.join(directory, 'apache.conf');
  const text = `ServerRoot ${directory}
ServerName dav.test
PidFile ${directory}/pid
ErrorLog ${directory}/error.log
Listen 127.0.0.1:${port}
${modules.join('\n')}
StartServers 1
MaxRequestWorkers 25
ServerLimit 1
DocumentRoot ${files}
DavLockDB ${directory}/locks
<Directory ${files}>
  Require all granted
  Dav On
</Directory>
`;
  if (process.getuid?.() === 0) {
    // Apache serves nothing as root, and the user who serves has to reach the files.
    for (const folder of [directory, files]) await chown(folder, DAEMON, DAEMON);
    await writeFile(file, `User #${DAEMON}\nGroup #${DAEMON}\n${text}`);
  } else await writeFile(file, text);
  const child = spawn('apache2', ['-DFOREGROUND', '-f', file], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const complaints: Buffer[] = [];
  child.stderr.on('data', (chunk: Buffer) => complaints.push(chunk));
  const ended = once(child, 'close');
  scope.teardown(async () => {
    child.kill('SIGTERM');
    await ended;
    await rm(directory, { recursive: true, force: true });
  });
  await eventually('Apache listens', async () => {
    if (child.exitCode !== null)
      throw new Error(`Apache ended: ${Buffer.concat(complaints).toString()}`);
    const socket = connect({ port, host: '127.0.0.1' });
    const isOpen = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    });
    socket.destroy();
    return isOpen || undefined;
  });
  return port;
}
