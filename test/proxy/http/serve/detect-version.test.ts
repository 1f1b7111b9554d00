import test from 'ava';
import { detectVersion } from '../../../../proxy/http/serve/detect-version.ts';
import type { ByteStream } from '../../../../proxy/stream/byte-stream.ts';
import { createManualClock } from '../../../helpers/manual-clock.ts';
import { FakeStream } from '../../stream/fake-stream.ts';

const PREFACE = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';

for (const [version, said] of [
  ['h2', `${PREFACE}frames`],
  ['http/1', 'GET / HTTP/1.1\r\n\r\n'],
] as const) {
  test(`${version}: what was read is still there for who begins to read later`, async (t) => {
    const stream = new FakeStream();
    const spoken = Promise.withResolvers<[string, ByteStream]>();
    detectVersion(
      stream,
      { clock: createManualClock(), timeoutMs: 1_000 },
      {
        speaks: (...found) => spoken.resolve(found),
        late: () => t.fail(),
        closed: () => t.fail(),
      },
    );
    // The chunk's memory is another's as soon as this returns.
    stream.data(said);
    const [found, prefixed] = await spoken.promise;
    let came = '';
    prefixed.attach({
      data: (chunk) => {
        came += chunk.toString();
        return true;
      },
      end() {},
      written() {},
      spare() {},
      closed() {},
    });
    prefixed.start();
    t.deepEqual([found, came], [version, said]);
  });
}
