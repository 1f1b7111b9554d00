// Whatever a peer sends, the connection ends with a code of RFC 9113 or goes on, and nothing is held
// behind it. `node test/proxy/http2/fuzz/main.ts --cases 1000000` runs more of the same.
import test from 'ava';
import { fuzz } from './fuzz.ts';

const CASES = 20_000;

test(`${CASES} damaged connections and header blocks`, async (t) => {
  const { failures, outcomes, cases } = await fuzz(CASES);
  t.deepEqual(failures, []);
  // It does reach what it should: each of these, and connections that live on.
  const codes = [
    'in order',
    'PROTOCOL_ERROR',
    'FRAME_SIZE_ERROR',
    'COMPRESSION_ERROR',
    'STREAM_CLOSED',
    'FLOW_CONTROL_ERROR',
    'ENHANCE_YOUR_CALM',
  ];
  for (const code of codes) t.true((outcomes[code] ?? 0) > 0, `${code} never happened`);
  t.true((outcomes['in order'] ?? 0) > cases / 10);
});
