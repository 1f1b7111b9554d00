import test from 'ava';
import { OpenStreams } from '../../../proxy/http2/open-streams.ts';
import type { Http2Stream } from '../../../proxy/http2/stream.ts';
import { createRandom } from '../../helpers/random.ts';

const stream = (id: number): Http2Stream => ({ id }) as Http2Stream;

test('it is what a Map would be, whichever streams stay open while others come and go', (t) => {
  const random = createRandom(13);
  for (let run = 0; run < 50; run += 1) {
    const table = new OpenStreams();
    const model = new Map<number, Http2Stream>();
    let nextId = run % 2;
    for (let step = 0; step < 400; step += 1) {
      // Peers may leave out as many ids as they like: some begin at the same place of the table.
      nextId += 2 * (random(10) < 3 ? 16 : 1);
      const ids = [...model.keys()];
      const id = ids[random(ids.length)];
      if (id !== undefined && random(2) === 0) {
        table.delete(id);
        model.delete(id);
      } else {
        const added = stream(nextId);
        table.add(added);
        model.set(nextId, added);
      }
      table.delete(nextId + 32);
      t.is(table.size, model.size);
    }
    for (let id = run % 2; id <= nextId + 64; id += 2) t.is(table.get(id), model.get(id));
    t.deepEqual(table.all(), [...model.values()]);
  }
});
