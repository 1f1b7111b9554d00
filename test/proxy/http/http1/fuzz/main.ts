// Runs the fuzzer of the HTTP/1.1 engine: node test/proxy/http/http1/fuzz/main.ts --cases 1000000 [--seed 1]
import { setFlagsFromString } from 'node:v8';
import { parseArgs } from 'node:util';
import { runInNewContext } from 'node:vm';
import { fuzz } from './fuzz.ts';

const MEBIBYTE = 1024 * 1024;
const ROUNDS = 20;

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

const { values } = parseArgs({
  options: {
    cases: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: '1' },
  },
});
const perRound = Math.ceil(Number(values.cases) / ROUNDS);
const outcomes: Record<string, number> = {};
const startedMs = performance.now();
for (let round = 0; round < ROUNDS; round += 1) {
  const report = await fuzz(perRound, Number(values.seed) + round * perRound);
  for (const [name, count] of Object.entries(report.outcomes)) {
    outcomes[name] = (outcomes[name] ?? 0) + count;
  }
  for (const failure of report.failures.slice(0, 5)) console.error(failure);
  if (report.failures.length > 0) process.exitCode = 1;
  collectGarbage();
  const heap = process.memoryUsage().heapUsed / MEBIBYTE;
  const seconds = (performance.now() - startedMs) / 1000;
  console.log(
    `${(round + 1) * perRound} cases, ${seconds.toFixed(0)} s, longest ${report.longestMs.toFixed(1)} ms, heap ${heap.toFixed(1)} MiB`,
  );
}
console.log(outcomes);
