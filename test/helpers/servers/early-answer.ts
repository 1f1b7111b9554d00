import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { within } from '../deadline.ts';
import type { Scope } from '../scope.ts';

/**
 * Reads 4 KiB or more, answers, and closes with the rest unread, at which the system sends a reset. In a
 * process of its own, so that it does so while the test's process is busy.
 */
const SERVICE = `
import net from 'node:net';
const answer = Buffer.from(process.argv[1], 'hex');
const server = net.createServer((socket) => {
  socket.on('error', () => {});
  let bytes = 0;
  socket.on('data', (chunk) => {
    bytes += chunk.length;
    if (bytes < 4096 || socket.isPaused()) return;
    socket.pause();
    socket.write(answer, () => socket.destroy());
  });
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
`;

/** Starts a service that refuses what is sent to it, as many do: with an answer, and without reading on. */
export async function startEarlyAnswer(scope: Scope, answer: Buffer): Promise<number> {
  const args = ['--input-type=module', '--eval', SERVICE, answer.toString('hex')];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  scope.teardown(() => void child.kill('SIGKILL'));
  const [line] = (await within('it listens', once(child.stdout, 'data'))) as [Buffer];
  return Number(line);
}
