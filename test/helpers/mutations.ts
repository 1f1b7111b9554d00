import type { Random } from './random.ts';

/** What a mutation may use. */
interface MutationInput {
  readonly random: Random;
  /** Another valid message, to take pieces from. */
  readonly other: Buffer;
}
type Mutation = (bytes: Buffer, input: MutationInput) => Buffer;

/** Bytes that mean something to a DER parser: tags, length forms, paddings, ends of ranges. */
const TELLING_BYTES = [
  0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x0c, 0x1e, 0x1f, 0x30, 0x31, 0x7f, 0x80, 0x81, 0x82,
  0x84, 0x88, 0xa0, 0xbf, 0xff,
];
const MAX_PIECE_BYTES = 40;
const MAX_ROUNDS = 3;

const tellingByte = (random: Random): number => TELLING_BYTES[random(TELLING_BYTES.length)] ?? 0;

/** Where a TLV may begin: bytes that look like a tag, so that lengths are hit more than by chance. */
const lengthPositions = (bytes: Buffer): number[] =>
  [...bytes.keys()].filter((at) => [0x30, 0x03, 0x02, 0x06, 0xa0].includes(bytes[at - 1] ?? 0xff));

/** Ways to damage a message in DER. */
export const MUTATIONS = {
  flipBit(bytes, { random }) {
    const at = random(bytes.length);
    return withByte(bytes, at, (bytes[at] ?? 0) ^ (1 << random(8)));
  },
  setByte: (bytes, { random }) => withByte(bytes, random(bytes.length), tellingByte(random)),
  truncate: (bytes, { random }) => bytes.subarray(0, random(bytes.length)),
  insert(bytes, { random }) {
    const at = random(bytes.length + 1);
    const piece = Buffer.from(Array.from({ length: 1 + random(4) }, () => tellingByte(random)));
    return Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(at)]);
  },
  remove(bytes, { random }) {
    const at = random(bytes.length);
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + random(4))]);
  },
  editLength(bytes, { random }) {
    const positions = lengthPositions(bytes);
    const at = positions[random(positions.length)] ?? 0;
    return withByte(bytes, at, ((bytes[at] ?? 0) + random(7) - 3) & 0xff);
  },
  /** Says the length of the whole in more bytes than it takes: BER, and no longer DER. */
  padLength(bytes, { random }) {
    const [tag = 0, form = 0] = bytes;
    const digits = form < 0x80 ? 0 : form & 0x7f;
    const length = digits === 0 ? Buffer.of(form) : bytes.subarray(2, 2 + digits);
    const zeros = Buffer.alloc(random(3) + (digits === 0 ? 0 : 1));
    const header = Buffer.of(tag, 0x80 | ((zeros.length + length.length) & 0x7f));
    return Buffer.concat([header, zeros, length, bytes.subarray(2 + digits)]);
  },
  splice(bytes, { random, other }) {
    const [from, to] = [random(other.length), random(bytes.length)];
    const length = random(MAX_PIECE_BYTES);
    const piece = other.subarray(from, from + length);
    return Buffer.concat([bytes.subarray(0, to), piece, bytes.subarray(to + length * random(2))]);
  },
} satisfies Readonly<Record<string, Mutation>>;

function withByte(bytes: Buffer, at: number, value: number): Buffer {
  const copy = Buffer.from(bytes);
  if (at < copy.length) copy[at] = value;
  return copy;
}

/** Damages a message in one to three ways, and tells which. */
export function mutate(
  original: Buffer,
  input: MutationInput,
): { mutant: Buffer; history: string[] } {
  const names = Object.keys(MUTATIONS) as (keyof typeof MUTATIONS)[];
  const history: string[] = [];
  let mutant = original;
  for (let round = 1 + input.random(MAX_ROUNDS); round > 0; round -= 1) {
    const name = names[input.random(names.length)] ?? 'flipBit';
    mutant = MUTATIONS[name](mutant, input);
    history.push(name);
  }
  return { mutant, history };
}
