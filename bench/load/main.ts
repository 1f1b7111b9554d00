// The programs that make load, each in a process of its own: one order as JSON in one argument.
import { once } from 'node:events';
import { bulkLoad } from './bulk.ts';
import type { LoadOrder } from './messages.ts';
import { openLoopLoad } from './open-loop.ts';
import { probeLoad } from './probe.ts';
import { slowLoad } from './slow.ts';
import { timelineLoad } from './timeline.ts';

/** Resolves when it is written: what is long does not go into a pipe at once. */
function print(outcome: unknown): Promise<void> {
  return new Promise((resolve) => {
    process.stdout.write(`${JSON.stringify(outcome)}\n`, () => resolve());
  });
}

const HELD = { held: true };
const ANSWERED = { answered: true };
const [, , json = ''] = process.argv;
const order = JSON.parse(json) as LoadOrder;
// Those that hold connections end when their parent closes their standard input.
process.stdin.resume().once('end', () => process.exit(0));
switch (order.kind) {
  case 'bulk':
    await print(await bulkLoad(order));
    process.exit(0);
    break;
  case 'timeline':
    await print(await timelineLoad(order));
    process.exit(0);
    break;
  case 'open-loop': {
    const load = await openLoopLoad(order);
    if (order.held) {
      const told = once(process.stdin, 'data');
      await print(HELD);
      await told;
    }
    await print(await load.run());
    process.exit(0);
    break;
  }
  case 'probe':
    await probeLoad(order.to);
    await print(ANSWERED);
    process.exit(0);
    break;
  case 'slow':
    await slowLoad(order);
    await print(HELD);
    break;
}
