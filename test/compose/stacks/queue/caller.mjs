// Opens a WebSocket again and again, asks once, and prints what came of it, until its standard input ends.
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';

const [, , url, run] = process.argv;
process.stdin.on('end', () => process.exit()).resume();
for (let number = 1; ; number += 1) {
  const socket = new WebSocket(`${url.replace('http', 'ws')}/${run}/${number}`);
  let text;
  try {
    const signal = AbortSignal.timeout(8_000);
    socket.addEventListener('open', () => socket.send(`${run}/${number}`));
    const failed = once(socket, 'error', { signal }).then(() =>
      Promise.reject(new Error('the socket failed')),
    );
    failed.catch(() => {});
    const closed = once(socket, 'close', { signal }).then(() =>
      Promise.reject(new Error('the socket was closed')),
    );
    closed.catch(() => {});
    const [{ data }] = await Promise.race([once(socket, 'message', { signal }), failed, closed]);
    text = data;
  } catch (error) {
    text = String(error);
  }
  socket.close();
  console.log(JSON.stringify({ number, ok: text === 'ok', text }));
  await pause(250);
}
