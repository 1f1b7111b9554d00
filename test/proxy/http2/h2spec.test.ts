// h2spec, the conformance test of HTTP/2, against the engine. It is a Go program of no distribution:
// `npm run test:peers` fetches it, and runs this (docs/http2.md). It knows no client certificates and no
// CONNECT, so that it talks to the engine behind a plain port, and all of its requests are answered
// with 400. The cases that cannot pass because of that are listed: one more or one less fails the test.
import { once } from 'node:events';
import { connect } from 'node:http2';
import test from 'ava';
import { within } from '../../helpers/deadline.ts';
import { requiresPeer } from '../../helpers/machine/requirements.ts';
import { runH2spec } from './run-h2spec.ts';
import { startPlainServer } from './plain-server.ts';

/** The answer, 400 with END_STREAM, has ended the stream before the frame in question comes. */
const ANSWERED = 'the request was answered, and its stream is closed';
/** The case waits for DATA, and an answer of 400 has none. */
const NO_BODY = 'the answer has no DATA';
/** A tunnel has no content whose length could be told beforehand (RFC 9110 section 9.3.6). */
const NO_CONTENT = 'content-length says nothing about a tunnel';

/** What is expected to fail, by section and title. The same rules hold for CONNECT in broken-rules.test.ts. */
const NOT_APPLICABLE: Readonly<Record<string, string>> = {
  'generic/2: Sends a WINDOW_UPDATE frame on half-closed (remote) stream': NO_BODY,
  'generic/2: Sends a PRIORITY frame on half-closed (remote) stream': NO_BODY,
  'http2/5.1: closed: Sends a DATA frame after sending RST_STREAM frame': ANSWERED,
  'http2/5.1: closed: Sends a HEADERS frame after sending RST_STREAM frame': ANSWERED,
  'http2/5.1.2: Sends HEADERS frames that causes their advertised concurrent stream limit to be exceeded':
    ANSWERED,
  'http2/6.9: Sends a WINDOW_UPDATE frame with a flow control window increment of 0 on a stream':
    ANSWERED,
  'http2/6.9.1: Sends multiple WINDOW_UPDATE frames increasing the flow control window to above 2^31-1 on a stream':
    ANSWERED,
  'http2/8.1: Sends a second HEADERS frame without the END_STREAM flag': ANSWERED,
  'http2/8.1.2.1: Sends a HEADERS frame that contains a pseudo-header field as trailers': ANSWERED,
  'http2/8.1.2.6: Sends a HEADERS frame with the "content-length" header field which does not equal the DATA frame payload length':
    NO_CONTENT,
  'http2/8.1.2.6: Sends a HEADERS frame with the "content-length" header field which does not equal the sum of the multiple DATA frames payload length':
    NO_CONTENT,
};

/** Cases that h2spec leaves out itself, because the answer has no content. */
const SKIPPED = 4;

requiresPeer('h2spec')('h2spec finds nothing but what does not apply', async (t) => {
  await using server = await startPlainServer();
  const { cases, failed, skipped } = await runH2spec(t, server.port);
  t.deepEqual(failed.toSorted(), Object.keys(NOT_APPLICABLE).toSorted());
  t.is(skipped, SKIPPED);
  t.is(cases, 145);
});

test('the plain port answers CONNECT with 200 and echoes, and anything else with 400', async (t) => {
  await using server = await startPlainServer();
  const session = connect(`http://127.0.0.1:${server.port}`);
  t.teardown(() => session.destroy());
  const get = session.request({ ':path': '/' });
  t.like((await within('an answer', once(get, 'response')))[0], { ':status': 400 });
  const tunnel = session.request(
    { ':method': 'CONNECT', ':authority': 'a:1' },
    { endStream: false },
  );
  t.like((await within('an answer', once(tunnel, 'response')))[0], { ':status': 200 });
  tunnel.end('hello');
  const [chunk] = (await within('the echo', once(tunnel, 'data'))) as [Buffer];
  t.is(chunk.toString(), 'hello');
  session.destroy();
});
