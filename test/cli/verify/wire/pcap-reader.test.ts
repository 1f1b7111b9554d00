import test from 'ava';
import { VerifyError } from '../../../../cli/verify/verify-error.ts';
import { PcapReader } from '../../../../cli/verify/wire/pcap-reader.ts';
import { pcapFile } from './frames.ts';

const FRAMES = ['first', 'second one', ''].map((text) => Buffer.from(text));

function read(file: Buffer, pieceBytes = file.length) {
  const frames: { text: string; wireLength: number; linkType: number }[] = [];
  const reader = new PcapReader(({ bytes, wireLength, linkType }) =>
    frames.push({ text: bytes.toString(), wireLength, linkType }),
  );
  for (let at = 0; at < file.length; at += pieceBytes) {
    reader.push(file.subarray(at, at + pieceBytes));
  }
  reader.end();
  return frames;
}

for (const littleEndian of [true, false]) {
  for (const magic of [0xa1b2c3d4, 0xa1b23c4d]) {
    for (const pieceBytes of [1, 7, 10_000]) {
      const what = `${magic.toString(16)}, little-endian ${littleEndian}, in pieces of ${pieceBytes}`;
      test(`the frames of a capture are read: ${what}`, (t) => {
        const frames = read(pcapFile(FRAMES, { magic, littleEndian }), pieceBytes);
        t.deepEqual(
          frames.map(({ text }) => text),
          ['first', 'second one', ''],
        );
        t.true(frames.every(({ linkType }) => linkType === 1));
      });
    }
  }
}

test('a frame that was cut keeps its length on the wire', (t) => {
  const [frame] = read(pcapFile([Buffer.from('a long frame')], { snapLength: 6 }));
  t.deepEqual(frame, { text: 'a long', wireLength: 12, linkType: 1 });
});

const file = pcapFile(FRAMES);
const hugeFrame = Buffer.from(file);
hugeFrame.writeUInt32LE(0xffff_ffff, 24 + 8);

for (const [what, damaged, says] of [
  ['nothing', Buffer.alloc(0), /without the header/],
  ['half a header', file.subarray(0, 20), /without the header/],
  ['something else', Buffer.alloc(24, 'x'), /begins with 78787878/],
  ['half a frame', file.subarray(0, 50), /breaks off within a frame/],
  ['an impossible frame', hugeFrame, /a frame of 4294967295 bytes/],
] as const) {
  test(`no capture is an error: ${what}`, (t) => {
    const error = t.throws(() => read(damaged), { instanceOf: VerifyError });
    t.is(error.code, 'capture-failed');
    t.regex(error.message, says);
  });
}
