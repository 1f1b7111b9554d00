// An application that writes to services through its sidecar: `writer.ts NAME MARKER SERVICE=PORT…`. It says on its
// output what came of each write, as JSON. A write is never repeated, so that none may be recorded twice.
import { createHash, randomBytes, randomInt } from 'node:crypto';
import http from 'node:http';
import { argv, pid } from 'node:process';
import { setTimeout as pause } from 'node:timers/promises';
import type { WriteOutcome } from '../load/write-outcome.ts';

const PACE_MS = 200;
const TIMEOUT_MS = 8_000;
const MAX_FILLING = 16 * 1024;

const [name = '', marker = '', ...targets] = argv.slice(2);
/** Some writes share a connection, and others have their own. */
const agents = [new http.Agent({ keepAlive: true, maxSockets: 1 }), new http.Agent()];
const began = `${name}-${pid}-${Date.now()}`;
let count = 0;

async function write(port: number, id: string, body: Buffer): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const request = http.request(
    {
      agent: agents[count % agents.length],
      host: '127.0.0.1',
      port,
      method: 'POST',
      path: '/write',
      headers: { 'x-write-id': id, 'x-writer': name, 'content-length': body.length },
      timeout: TIMEOUT_MS,
    },
    (response) => {
      response.setEncoding('utf8');
      response.toArray().then((chunks) => {
        if (response.statusCode === 200) resolve(chunks.join(''));
        else reject(new Error(`status ${response.statusCode}`));
      }, reject);
    },
  );
  request.on('timeout', () => request.destroy(new Error('no answer in time')));
  request.on('error', reject);
  request.end(body);
  return await promise;
}

async function writeForEver(service: string, port: number): Promise<never> {
  for (;;) {
    count += 1;
    const id = `${began}-${count}`;
    const filling = randomBytes(randomInt(MAX_FILLING)).toString('base64');
    // At both ends, so that whatever is cut off, the marker is there.
    const body = Buffer.from(`${marker} ${id} ${filling} ${marker}`);
    const digest = createHash('sha256').update(body).digest('hex');
    let outcome: WriteOutcome;
    try {
      const answer = await write(port, id, body);
      const isSame = answer === `${digest} ${marker}`;
      outcome = { kind: isSame ? 'acknowledged' : 'altered', service, id, digest };
    } catch (error) {
      outcome = { kind: 'failed', service, id, digest, why: String(error) };
    }
    console.log(JSON.stringify(outcome));
    await pause(PACE_MS);
  }
}

await Promise.all(
  targets.map((target) => {
    const [service = '', port = ''] = target.split('=');
    return writeForEver(service, Number(port));
  }),
);
