// Calls web from outside, one request after the other, and prints what came of each, until its
// standard input ends.
import { setTimeout as pause } from 'node:timers/promises';

const [, , url, run] = process.argv;
process.stdin.on('end', () => process.exit()).resume();
for (let number = 1; ; number += 1) {
  let result;
  try {
    const response = await fetch(`${url}/${run}/${number}`, {
      headers: { connection: 'close' },
      signal: AbortSignal.timeout(5_000),
    });
    result = { ok: response.ok, text: await response.text() };
  } catch (error) {
    result = { ok: false, text: [error, error.cause].join(' ') };
  }
  console.log(JSON.stringify({ number, ...result }));
  await pause(250);
}
