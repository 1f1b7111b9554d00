/**
 * The demo's client, a process of its own: plain HTTP requests to a local port, several at a time,
 * some over kept connections and some over new ones. It reports its totals in a line on stdout four
 * times a second, finishes what is in flight when its parent closes stdin, and reports once more.
 */
import http from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';
import { argv, stdin, stdout } from 'node:process';

const port = Number(argv[2]);
const canary = argv[3] ?? '';

const KEPT_CONNECTIONS = 3;
const REPORT_EVERY_MS = 250;
/** Keeps the demo's load at some hundreds of requests a second, so that the machine stays usable. */
const PAUSE_MS = 10;

const totals = { requests: 0, failures: 0, lastFailure: '' };
let running = true;

async function request(agent: http.Agent): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const options = { port, host: '127.0.0.1', agent, headers: { 'x-canary': canary } };
  const sent = http.get({ ...options, timeout: 10_000 }, (response) => {
    response.setEncoding('utf8');
    response.toArray().then((chunks) => {
      if (response.statusCode === 200 && chunks.join('').includes(canary)) resolve();
      else reject(new Error(`status ${response.statusCode} with an unexpected body`));
    }, reject);
  });
  sent.on('timeout', () => sent.destroy(new Error('no answer within 10 s')));
  sent.on('error', reject);
  await promise;
}

async function work(agent: http.Agent): Promise<void> {
  while (running) {
    try {
      await request(agent);
    } catch (error) {
      totals.failures += 1;
      totals.lastFailure = String(error);
    }
    totals.requests += 1;
    await pause(PAUSE_MS);
  }
}

const report = (): void => void stdout.write(`${JSON.stringify(totals)}\n`);
const timer = setInterval(report, REPORT_EVERY_MS);
stdin.resume();
stdin.on('end', () => {
  running = false;
});

const kept = new http.Agent({ keepAlive: true, maxSockets: KEPT_CONNECTIONS });
const fresh = new http.Agent({ keepAlive: false });
const workers = Array.from({ length: KEPT_CONNECTIONS }, () => work(kept));
await Promise.all([...workers, work(fresh)]);
clearInterval(timer);
kept.destroy();
report();
