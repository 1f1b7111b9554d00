import { setImmediate as nextTurn } from 'node:timers/promises';
import test from 'ava';
import type { ByteStream } from '../../../proxy/stream/byte-stream.ts';
import { within } from '../../helpers/deadline.ts';
import { createRandom } from '../../helpers/random.ts';
import { readAll } from '../tunnel/harness.ts';
import { ACCEPTED } from './stream-pairs.ts';

/** Where reads of all connections come: whatever is kept of it is somebody else's a moment later. */
const SHARED = Buffer.alloc(200_000);

/** Writes bytes that tell their place, from memory that is used for others at once. */
function patternWriter(stream: ByteStream, seed: number) {
  const seen = { writtenBytes: 0, consumedBytes: 0, spareBytes: 0, mostSpareBytes: 0 };
  stream.attach({
    data: () => true,
    end: () => {},
    closed: () => {},
    written: (bytes) => void (seen.consumedBytes += bytes),
    spare: (bytes) => {
      seen.spareBytes = bytes;
      seen.mostSpareBytes = Math.max(seen.mostSpareBytes, bytes);
    },
  });
  const write = (bytes: number, more: boolean): void => {
    const chunk = SHARED.subarray(0, bytes);
    for (let at = 0; at < bytes; at += 1) chunk[at] = patternAt(seed, seen.writtenBytes + at);
    seen.writtenBytes += bytes;
    stream.write(chunk, more, false);
    chunk.fill(0xff);
  };
  return { seen, write };
}

const patternAt = (seed: number, position: number): number => (seed + position) % 251;

/** Where bytes differ from the pattern; undefined when they don't. */
function difference(bytes: Buffer, seed: number): number | undefined {
  const at = bytes.findIndex((byte, position) => byte !== patternAt(seed, position));
  return at === -1 ? undefined : at;
}

for (const [kind, accept] of Object.entries(ACCEPTED)) {
  test(`${kind}: whatever the sizes, nothing is lost, changed or counted twice, with readers who dawdle`, async (t) => {
    const random = createRandom(20);
    const pairs = await Promise.all(Array.from({ length: 6 }, () => accept(t)));
    const ends = pairs.map(async ({ app, accepted }, seed) => {
      const side = accepted.stream();
      const { seen, write } = patternWriter(side, seed);
      const received = readAll(app);
      for (let turn = 0; turn < 60; turn += 1) {
        if (random(4) === 0) app.pause();
        for (let piece = random(12); piece >= 0; piece -= 1) {
          const bytes = random(3) === 0 ? random(SHARED.length) : random(900);
          write(bytes + 1, piece > 0 || random(2) === 0);
        }
        await nextTurn();
        if (random(3) === 0) app.resume();
      }
      app.resume();
      side.end();
      const bytes = await received;
      t.is(bytes.length, seen.writtenBytes);
      t.is(difference(bytes, seed), undefined);
      await nextTurn();
      t.is(seen.consumedBytes, seen.writtenBytes);
      t.is(seen.spareBytes, 0, 'a buffer counts as held, and nothing waits');
    });
    await within('the end of every transfer', Promise.all(ends));
  });

  test(`${kind}: a small message goes at once, and the parts of something larger together`, async (t) => {
    const { app, accepted } = await accept(t);
    const side = accepted.stream();
    const { seen, write } = patternWriter(side, 0);
    const received = readAll(app);
    write(10, false);
    t.is(seen.consumedBytes, 10);
    write(10, true);
    write(10, false);
    t.is(seen.consumedBytes, 10, 'the end of something larger did not wait for the rest');
    await nextTurn();
    t.is(seen.consumedBytes, 30);
    side.end();
    t.is((await within('the end', received)).length, 30);
  });

  test(`${kind}: memory that a stalled reader makes wait is counted, what is empty in it too`, async (t) => {
    const { app, accepted } = await accept(t);
    const side = accepted.stream();
    app.pause();
    const { seen, write } = patternWriter(side, 0);
    while (seen.spareBytes === 0) {
      write(60_000, true);
      await nextTurn();
    }
    const waiting = seen.writtenBytes - seen.consumedBytes;
    t.true(waiting > 0);
    t.is((waiting + seen.spareBytes) % (64 * 1024), 0, 'not whole buffers');
    const received = readAll(app);
    app.resume();
    side.end();
    t.is(difference(await within('the end', received), 0), undefined);
    t.is(seen.spareBytes, 0);
  });

  test(`${kind}: what was under way when a connection broke is never given to another`, async (t) => {
    for (let round = 0; round < 20; round += 1) {
      const broken = await accept(t);
      const whole = await accept(t);
      broken.app.pause();
      const [breaking, going] = [broken.accepted.stream(), whole.accepted.stream()];
      const first = patternWriter(breaking, 1);
      const second = patternWriter(going, 2);
      while (first.seen.spareBytes === 0) {
        first.write(SHARED.length, true);
        first.write(50_000, true);
        await nextTurn();
      }
      const received = readAll(whole.app);
      breaking.reset();
      for (let piece = 0; piece < 40; piece += 1) second.write(60_000, true);
      going.end();
      t.is(difference(await within('the end', received), 2), undefined);
      broken.app.destroy();
    }
  });
}
