// nghttp2 (in node:http2) encodes with Huffman codes and a dynamic table, and our decoder follows it
// through insertions and evictions.
import { connect } from 'node:http2';
import test from 'ava';
import { HpackDecoder } from '../../../../proxy/http2/hpack/decoder.ts';
import { FRAME } from '../../../../proxy/http2/protocol.ts';
import { frame } from '../../../helpers/clients/http2-frames.ts';
import { createRandom } from '../../../helpers/random.ts';
import type { Random } from '../../../helpers/random.ts';
import { parseFrames, settled } from '../harness.ts';
import { transportPair } from '../memory-transport.ts';

const REQUESTS = 300;

/** Every byte that a value may have (RFC 9110 section 5.5), none of them at the ends. */
const BYTES = Array.from({ length: 256 }, (_, byte) => byte).filter(
  (byte) => byte > 0x20 && byte !== 0x7f,
);

function randomValue(random: Random, maxLength: number): string {
  const bytes = Array.from({ length: random(maxLength) }, () => BYTES[random(BYTES.length)] ?? 0);
  return Buffer.from(bytes).toString('latin1');
}

test('the decoder follows nghttp2 through a connection', async (t) => {
  const random = createRandom(7541);
  const [foreign, raw] = transportPair();
  const chunks: Buffer[] = [];
  raw.on('data', (chunk: Buffer) => chunks.push(chunk));
  raw.write(frame({ type: FRAME.SETTINGS }));
  const session = connect('http://mesh', { createConnection: () => foreign });
  session.on('error', () => {});
  t.teardown(() => session.destroy());
  const sent: Record<string, string>[] = [];
  for (let count = 0; count < REQUESTS; count += 1) {
    const headers: Record<string, string> = {
      ':method': 'CONNECT',
      ':authority': `10.0.${random(3)}.1:80`,
      'x-all': BYTES.map((byte) => String.fromCharCode(byte)).join(''),
    };
    // Some come again and are found in the table, others push them out.
    for (let more = random(6); more > 0; more -= 1) {
      headers[`x-${random(20)}`] = random(2) === 0 ? String(random(4)) : randomValue(random, 700);
    }
    const stream = session.request(headers, { endStream: false });
    stream.on('error', () => {});
    sent.push(headers);
    if (count % 20 === 0) await settled();
  }
  await settled();
  const decoder = new HpackDecoder({ maxListBytes: 64 * 1024, maxFields: 64 });
  const decoded: Record<string, string>[] = [];
  let encodedBytes = 0;
  let open: Buffer[] = [];
  for (const { type, flags, payload } of parseFrames(Buffer.concat(chunks).subarray(24))) {
    if (type !== FRAME.HEADERS && type !== FRAME.CONTINUATION) continue;
    encodedBytes += payload.length;
    open.push(payload);
    if ((flags & 4) === 0) continue;
    decoded.push(Object.fromEntries(decoder.decode(Buffer.concat(open))));
    open = [];
  }
  t.deepEqual(decoded, sent);
  const plainBytes = sent.flatMap((headers) => Object.entries(headers).flat()).join('').length;
  t.true(encodedBytes < plainBytes, 'it did use its table');
});
