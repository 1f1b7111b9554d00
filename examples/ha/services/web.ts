// A service that calls the other one twenty times a second, each time on a new connection, and says every second how
// that went.
import { get } from 'node:http';

const counts = { calls: 0, failed: 0, lastFailure: '' };

function call(): void {
  const request = get('http://127.0.0.1:9000', { agent: false, timeout: 5_000 }, (response) => {
    response.resume();
    response.once('end', () => {
      counts.calls += 1;
      if (response.statusCode !== 200) fail(`it answered ${response.statusCode}`);
    });
    response.once('error', (error) => fail(String(error)));
  });
  request.once('timeout', () => request.destroy(new Error('no answer within 5 s')));
  request.once('error', (error) => fail(String(error)));
}

function fail(why: string): void {
  counts.failed += 1;
  counts.lastFailure = why;
}

setInterval(call, 50);
setInterval(() => process.stdout.write(`${JSON.stringify(counts)}\n`), 1_000);
process.once('SIGTERM', () => process.exit());
