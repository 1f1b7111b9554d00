// Simulates some sidecars of a fleet: orders come as lines of JSON on standard input, each is answered by one
// line on standard output. Ends with its standard input.
import { createInterface } from 'node:readline';
import { describeError } from '../../../common/errors.ts';
import { SimulatedFleet } from './fleet.ts';
import type { SimulatorOrder } from './orders.ts';

/** Lines that say how far it is are for people. */
const PROGRESS_EVERY = 100;

let fleet: SimulatedFleet | undefined;

function planned(): SimulatedFleet {
  if (fleet === undefined) throw new TypeError('expected a plan first');
  return fleet;
}

async function obey(order: SimulatorOrder): Promise<unknown> {
  switch (order.kind) {
    case 'plan':
      fleet = new SimulatedFleet(order.plan, (done) => {
        if (done % PROGRESS_EVERY === 0) print({ progress: done });
      });
      return {};
    case 'enrol':
      return await planned().enrol();
    case 'connect':
      return await planned().connect(order.deadlineMs);
    case 'traffic':
      return planned().traffic();
    case 'watch':
      return planned().watch(order.sighting);
    case 'count-seen':
      return planned().seen().length;
    case 'seen':
      return { atMs: planned().seen() };
    case 'move':
      return { atMs: await planned().move(order.instanceId, order.port) };
    case 'renew':
      return await planned().renew();
    case 'replace':
      return await planned().replace();
    case 'expect-restart':
      return planned().expectRestart();
    case 'back':
      return await planned().back(order.deadlineMs);
  }
}

function print(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

const orders = createInterface({ input: process.stdin });
orders.on('line', (line) => {
  const { id, order } = JSON.parse(line) as { id: number; order: SimulatorOrder };
  obey(order).then(
    (outcome) => print({ id, outcome: outcome ?? {} }),
    (error: unknown) => print({ id, error: describeError(error) }),
  );
});
orders.once('close', () => process.exit(0));
