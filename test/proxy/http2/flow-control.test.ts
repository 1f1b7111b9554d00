// Random schedules of reads, stalls, writes, half-closes, resets and ends, on many streams between two
// connections of ours. Whatever the order: no byte is lost, none comes twice, order is kept, nobody
// waits for ever, and in the end both ends agree about their windows and nothing is held.
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { FRAME as TYPE } from '../../../proxy/http2/protocol.ts';
import { createRandom } from '../../helpers/random.ts';
import { FlowControlModel } from './flow-control-model.ts';
import { SERVER_LIMITS, settled } from './harness.ts';

const PARTS = 6;
const SCHEDULES_PER_PART = 10;
const STEPS = 300;

const OTHER_SIDE = { client: 'server', server: 'client' } as const;

/** What is left of the windows of one side's senders, as the wire has it; stream 0 is the connection. */
function windowsOnWire(model: FlowControlModel, side: 'client' | 'server'): Map<number, number> {
  const windows = new Map<number, number>();
  const add = (stream: number, bytes: number): void =>
    void windows.set(stream, (windows.get(stream) ?? 65_535) + bytes);
  for (const { type, stream, payload } of model.framesOf(side)) {
    if (type !== TYPE.DATA) continue;
    add(stream, -payload.length);
    add(0, -payload.length);
  }
  for (const { type, stream, payload } of model.framesOf(OTHER_SIDE[side])) {
    if (type === TYPE.WINDOW_UPDATE) add(stream, payload.readUInt32BE(0));
  }
  return windows;
}

async function runSchedule(t: ExecutionContext, seed: number): Promise<void> {
  const random = createRandom(seed);
  const model = new FlowControlModel(random);
  await settled();
  for (let step = 0; step < STEPS; step += 1) {
    model.step();
    if (random(4) === 0) await model.turn();
  }
  await model.finish();
  t.deepEqual(model.problems(), [], `seed ${seed}`);
  t.true(model.carriedBytes > 50_000, `seed ${seed}: the schedule carried something`);
  t.is(model.budget.totalBytes, 0, `seed ${seed}: everything was read and sent`);
  for (const side of ['client', 'server'] as const) {
    const windows = windowsOnWire(model, side);
    const leftForAll = windows.get(0) ?? 0;
    t.true(
      leftForAll >= (SERVER_LIMITS.connectionWindowBytes * 3) / 4,
      `seed ${seed}: ${leftForAll}`,
    );
    for (const [id, pair] of model.pairs) {
      const end = pair[side];
      if (end === undefined || end.stream.isClosed) continue;
      const { sendWindowBytes } = end.stream;
      t.is(sendWindowBytes, windows.get(id) ?? 65_535, `seed ${seed}: stream ${id}`);
      // All was read: at most a half of the window has yet to be given back, unless nobody needs it.
      t.true(end.hasEnded || sendWindowBytes >= 32_767, `seed ${seed}: stream ${id}`);
    }
    const types = new Set(model.framesOf(side).map(({ type }) => type));
    t.false(types.has(TYPE.GOAWAY), `seed ${seed}: no rule was broken`);
  }
  const open = model.ends.filter(({ stream }) => !stream.isClosed);
  model.client.destroy();
  await settled();
  for (const { ends } of open) t.deepEqual(ends, ['lost'], `seed ${seed}`);
  t.is(model.budget.totalBytes, 0);
}

for (let part = 0; part < PARTS; part += 1) {
  const first = part * SCHEDULES_PER_PART;
  test(`schedules ${first} to ${first + SCHEDULES_PER_PART - 1}`, async (t) => {
    for (let seed = first; seed < first + SCHEDULES_PER_PART; seed += 1) await runSchedule(t, seed);
  });
}
