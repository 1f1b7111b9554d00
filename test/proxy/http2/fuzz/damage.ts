import type { Random } from '../../../helpers/random.ts';
import { frame } from '../../../helpers/clients/http2-frames.ts';
import { parseFrames } from '../harness.ts';
import type { SeenFrame } from '../harness.ts';

/** Numbers that mean something to a parser: ends of ranges, and what is just behind them. */
const TELLING = [
  0,
  1,
  2,
  3,
  4,
  5,
  7,
  8,
  9,
  16,
  126,
  127,
  128,
  255,
  256,
  16_383,
  16_384,
  16_385,
  65_535,
  65_536,
  2 ** 24 - 1,
  2 ** 31 - 1,
  2 ** 31,
  2 ** 32 - 1,
] as const;

const telling = (random: Random): number => TELLING[random(TELLING.length)] ?? 0;

/** Random bytes; many of them small, and some all ones. */
export function randomBytes(random: Random, maxLength: number): Buffer {
  const bytes = Buffer.alloc(random(maxLength + 1));
  for (let at = 0; at < bytes.length; at += 1) {
    bytes[at] = random(4) === 0 ? telling(random) : random(256);
  }
  return bytes;
}

/** A frame whose header makes sense more often than not. */
function randomFrame(random: Random): Buffer {
  const payload = random(2) === 0 ? randomBytes(random, 24) : Buffer.alloc(TELLING[random(9)] ?? 0);
  if (payload.length >= 4 && random(2) === 0) payload.writeUInt32BE(telling(random), 0);
  return frame({
    type: random(11),
    flags: random(3) === 0 ? random(256) : (1 << random(6)) & 0x2d,
    stream: random(4) === 0 ? telling(random) : random(10),
    payload,
  });
}

const toBytes = ({ type, flags, stream, payload }: SeenFrame): Buffer =>
  frame({ type, flags, stream, payload });

/** Ways to damage frames one by one, or their order. */
const FRAME_DAMAGES: readonly ((frames: Buffer[], at: number, random: Random) => void)[] = [
  (frames, at) => void frames.splice(at, 1),
  (frames, at) => void frames.splice(at, 0, frames[at] ?? Buffer.of()),
  (frames, at, random) => void frames.splice(at, 0, ...frames.splice(random(frames.length), 1)),
  (frames, at, random) => void frames.splice(at, 0, randomFrame(random)),
  (frames, at, random) => void (frames[at] = withByte(frames[at], 3, random(11))),
  (frames, at, random) => void (frames[at] = withByte(frames[at], 4, random(256))),
  (frames, at, random) => void (frames[at] = withByte(frames[at], 8, random(12))),
  (frames, at, random) => void (frames[at] = withByte(frames[at], 2, telling(random))),
  (frames, at, random) => {
    const many = 1 + random(30);
    for (let count = 0; count < many; count += 1) frames.splice(at, 0, frames[at] ?? Buffer.of());
  },
];

function withByte(bytes: Buffer | undefined, at: number, value: number): Buffer {
  const copy = Buffer.from(bytes ?? Buffer.of());
  if (at < copy.length) copy[at] = value;
  return copy;
}

/** Damages bytes anywhere: flips, cuts, insertions. */
export function damageBytes(bytes: Buffer, random: Random): Buffer {
  const at = random(bytes.length + 1);
  switch (random(5)) {
    case 0:
      return withByte(bytes, at, (bytes[at] ?? 0) ^ (1 << random(8)));
    case 1:
      return withByte(bytes, at, telling(random));
    case 2:
      return bytes.subarray(0, at);
    case 3:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + random(6))]);
    default:
      return Buffer.concat([bytes.subarray(0, at), randomBytes(random, 12), bytes.subarray(at)]);
  }
}

/** Damages recorded traffic in one to four ways; what comes before `prefixBytes` mostly stays. */
export function damageTraffic(traffic: Buffer, prefixBytes: number, random: Random): Buffer {
  const prefix = traffic.subarray(0, prefixBytes);
  const frames = parseFrames(traffic.subarray(prefixBytes)).map(toBytes);
  for (let round = random(4); round >= 0; round -= 1) {
    FRAME_DAMAGES[random(FRAME_DAMAGES.length)]?.(frames, random(frames.length + 1), random);
  }
  const whole = Buffer.concat([prefix, ...frames]);
  return random(2) === 0 ? whole : damageBytes(whole, random);
}
