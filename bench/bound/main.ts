// One side of a pair that only carries bytes, to see what the runtime allows: one order as JSON in one argument.
import { flushCompileCache } from 'node:module';
import { describeError } from '../../common/errors.ts';
import { startCallee } from './callee.ts';
import { startCaller } from './caller.ts';
import type { BoundOrder } from './order.ts';

// A pair that goes on after an error would be measured all the same.
process.on('uncaughtException', (error) => {
  process.stderr.write(`bound: ${describeError(error)}\n`);
  process.exit(1);
});
const [, , json = ''] = process.argv;
const order = JSON.parse(json) as BoundOrder;
const server = order.role === 'caller' ? startCaller(order) : startCallee(order);
server.once('listening', () => {
  process.stdout.write(`${order.role} is listening\n`);
  // It would be written at an exit, and this process is ended by a signal.
  flushCompileCache();
});
