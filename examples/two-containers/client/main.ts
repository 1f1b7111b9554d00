// A customer who knows HTTP and nothing else: orders once a second, with a card number in plaintext.
// ORDERS says how often; without it, for ever.
import { setTimeout } from 'node:timers/promises';

const { SERVER = 'http://server:8080', ORDERS = 'Infinity' } = process.env;
const ORDER = 'one coffee, card 4111-1111-1111-1111';

process.once('SIGTERM', () => process.exit());

for (let order = 0; order < Number(ORDERS); order += 1) {
  if (order > 0) await setTimeout(1_000);
  try {
    const signal = AbortSignal.timeout(10_000);
    const response = await fetch(SERVER, { method: 'POST', body: ORDER, signal });
    process.stdout.write(await response.text());
  } catch (error) {
    process.stdout.write(`no answer: ${String(error)}\n`);
  }
}
