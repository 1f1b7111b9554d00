// Answers `POST /NUMBER` with its body, which it has put into Redis and got back from there.
import { once } from 'node:events';
import http from 'node:http';
import net from 'node:net';

const bulk = (...words) =>
  `*${words.length}\r\n${words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join('')}`;

/** Stores a value and reads it back, on a connection of its own. */
async function throughRedis(key, value) {
  const socket = net.connect(6379, 'db').setEncoding('utf8').setTimeout(2_000);
  socket.on('timeout', () => socket.destroy(new Error('Redis does not answer')));
  try {
    socket.write(bulk('SET', key, value) + bulk('GET', key));
    let text = '';
    for (;;) {
      const [chunk] = await Promise.race([once(socket, 'data'), once(socket, 'end')]);
      if (chunk === undefined) throw new Error('Redis closed the connection');
      text += chunk;
      const [, got] = /^\+OK\r\n\$\d+\r\n(.*)\r\n$/.exec(text) ?? [];
      if (got !== undefined) return got;
    }
  } finally {
    socket.destroy();
  }
}

const server = http.createServer(async (request, response) => {
  try {
    const body = (await request.toArray()).join('');
    const stored = await throughRedis(`stored${request.url}`, body);
    response.end(stored.replace('asked-', 'answered-'));
  } catch (error) {
    response.writeHead(502).end(String(error));
  }
});
server.listen(9000);
