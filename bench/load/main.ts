// The programs that make load, each in a process of its own: one order as JSON in one argument.
import { bulkLoad } from './bulk.ts';
import { idleLoad } from './idle.ts';
import type { LoadOrder } from './messages.ts';
import { slowLoad } from './slow.ts';
import { timelineLoad } from './timeline.ts';

function print(outcome: unknown): void {
  process.stdout.write(`${JSON.stringify(outcome)}\n`);
}

const HELD = { held: true };
const [, , json = ''] = process.argv;
const order = JSON.parse(json) as LoadOrder;
// Those that hold connections end when whoever started them closes their standard input.
process.stdin.resume().once('end', () => process.exit(0));
switch (order.kind) {
  case 'bulk':
    print(await bulkLoad(order));
    process.exit(0);
    break;
  case 'timeline':
    print(await timelineLoad(order));
    process.exit(0);
    break;
  case 'idle':
    await idleLoad(order);
    print(HELD);
    break;
  case 'slow':
    await slowLoad(order);
    print(HELD);
    break;
}
