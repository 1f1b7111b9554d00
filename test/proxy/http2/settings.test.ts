import test from 'ava';
import { applySettings, INITIAL_PEER_SETTINGS } from '../../../proxy/http2/settings.ts';

/** Entries as they go over the wire. */
function payload(...entries: readonly (readonly [id: number, value: number])[]): Buffer {
  const bytes = Buffer.alloc(entries.length * 6);
  for (const [index, [id, value]] of entries.entries()) {
    bytes.writeUInt16BE(id, index * 6);
    bytes.writeUInt32BE(value, index * 6 + 2);
  }
  return bytes;
}

test('what we need is kept, the rest is ignored, and the last of two counts', (t) => {
  const entries = payload(
    [1, 0],
    [3, 7],
    [4, 1000],
    [5, 20_000],
    [6, 1],
    [8, 1],
    [0xff00, 9],
    [3, 8],
  );
  t.deepEqual(applySettings(INITIAL_PEER_SETTINGS, entries, 'client'), {
    maxConcurrentStreams: 8,
    initialWindowBytes: 1000,
    maxFrameBytes: 20_000,
    extendedConnect: true,
  });
  t.deepEqual(applySettings(INITIAL_PEER_SETTINGS, payload(), 'server'), INITIAL_PEER_SETTINGS);
});

test('values at the ends of their ranges are taken, those behind them are refused', (t) => {
  const refused = [
    ['client', [2, 2], 'PROTOCOL_ERROR'],
    // A server must not say that it takes pushes, and must not even say 1.
    ['server', [2, 1], 'PROTOCOL_ERROR'],
    ['client', [4, 2 ** 31], 'FLOW_CONTROL_ERROR'],
    ['client', [5, 2 ** 14 - 1], 'PROTOCOL_ERROR'],
    ['client', [5, 2 ** 24], 'PROTOCOL_ERROR'],
  ] as const;
  for (const [peer, entry, code] of refused) {
    t.like(
      t.throws(() => applySettings(INITIAL_PEER_SETTINGS, payload(entry), peer)),
      { code },
    );
  }
  const taken = [
    ['client', [2, 1]],
    ['server', [2, 0]],
    ['client', [3, 0]],
    ['client', [3, 2 ** 32 - 1]],
    ['client', [4, 0]],
    ['client', [4, 2 ** 31 - 1]],
    ['client', [5, 2 ** 14]],
    ['client', [5, 2 ** 24 - 1]],
  ] as const;
  for (const [peer, entry] of taken) {
    t.notThrows(() => applySettings(INITIAL_PEER_SETTINGS, payload(entry), peer));
  }
});

test('a payload that is no row of entries is refused', (t) => {
  for (const bytes of [1, 5, 7]) {
    t.like(
      t.throws(() => applySettings(INITIAL_PEER_SETTINGS, Buffer.alloc(bytes), 'client')),
      { code: 'FRAME_SIZE_ERROR' },
    );
  }
});
