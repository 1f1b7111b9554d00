import test from 'ava';
import { ConnectionWindow, ReceiveWindow } from '../../../proxy/http2/receive-window.ts';

const INITIAL = 65_535;
const MAX = 1024 * 1024;

test('a window takes what it allows, and not a byte more', (t) => {
  const window = new ReceiveWindow(MAX);
  t.true(window.receive(INITIAL));
  t.true(window.receive(0));
  t.false(window.receive(1));
});

test('what was read is given back by halves, so that few frames say it', (t) => {
  const window = new ReceiveWindow(INITIAL);
  t.true(window.receive(INITIAL));
  t.false(window.read(32_767));
  t.true(window.read(1));
  t.is(window.increase(0, true), 32_768);
  t.true(window.receive(32_768));
  t.false(window.receive(1));
});

test('a window grows for a reader who keeps up, to its bound', (t) => {
  const window = new ReceiveWindow(MAX);
  let nowMs = 1_000;
  let allowed = INITIAL;
  for (let round = 0; round < 20; round += 1) {
    const bytes = Math.ceil(window.sizeBytes / 2);
    t.true(window.receive(bytes));
    allowed -= bytes;
    t.true(window.read(bytes));
    allowed += window.increase(nowMs, true);
    nowMs += 10;
  }
  t.is(window.sizeBytes, MAX);
  t.is(allowed, MAX, 'the peer may send as much as the window says');
  t.true(window.receive(MAX));
  t.false(window.receive(1));
});

test('it does not grow for a reader who is slow, nor where memory is short', (t) => {
  for (const [stepMs, isRoomy] of [
    [5_000, true],
    [1, false],
  ] as const) {
    const window = new ReceiveWindow(MAX);
    for (let round = 0; round < 10; round += 1) {
      t.true(window.receive(40_000));
      t.true(window.read(40_000));
      t.is(window.increase(round * stepMs, isRoomy), 40_000);
    }
    t.is(window.sizeBytes, INITIAL);
  }
});

test("a connection's window is given back on receipt, by quarters", (t) => {
  const window = new ConnectionWindow(MAX);
  t.is(window.refill(), MAX - INITIAL, 'what the RFC begins with is less');
  t.is(window.refill(), 0);
  t.true(window.receive(MAX / 4 - 1));
  t.is(window.refill(), 0);
  t.true(window.receive(1));
  t.is(window.refill(), MAX / 4);
  t.true(window.receive(MAX));
  t.false(window.receive(1));
});
