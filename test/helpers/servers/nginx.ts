import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { eventually } from '../deadline.ts';
import { freePort } from '../machine/free-port.ts';
import type { Scope } from '../scope.ts';

/**
 * Starts the machine's nginx with the contents of a `http` block, in which `PORT` is a local port.
 *
 * @returns the port, once it answers
 */
export async function startNginx(scope: Scope, http: string): Promise<number> {
  const directory = await mkdtemp(path.join(tmpdir(), 'hauberk-nginx-'));
  const port = await freePort();
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${directory};`,
  );
  const file = path.join(directory, 'nginx.conf');
  await writeFile(
    file,
    `daemon off; master_process off; pid ${directory}/pid; error_log stderr;
    events {}
    http { access_log off; ${temporary.join(' ')} ${http.replaceAll('PORT', String(port))} }`,
  );
  const child = spawn('nginx', ['-p', directory, '-c', file], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const complaints: Buffer[] = [];
  child.stderr.on('data', (chunk: Buffer) => complaints.push(chunk));
  const ended = once(child, 'close');
  scope.teardown(async () => {
    child.kill('SIGKILL');
    await ended;
    await rm(directory, { recursive: true, force: true });
  });
  await eventually('nginx listens', async () => {
    if (child.exitCode !== null)
      throw new Error(`nginx ended: ${Buffer.concat(complaints).toString()}`);
    return await accepts(port);
  });
  return port;
}

/** True when a local port accepts a connection; undefined when it does not. */
export async function accepts(port: number): Promise<true | undefined> {
  const socket = connect({ port, host: '127.0.0.1' });
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return undefined;
  } finally {
    socket.destroy();
  }
}
