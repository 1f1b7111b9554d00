/** Where requests go is looked at while it is of interest, in HTTP/1 and HTTP/2. */
import test from 'ava';
import { Head } from '../../../../proxy/http/observe/http1/head.ts';

const read = (line: string, keepsTarget: boolean): string => {
  const head = new Head(true);
  head.keepsTarget = keepsTarget;
  head.read(Buffer.from(`${line}\r\nHost: x\r\n\r\n`), 0);
  return head.target;
};

test('the target of a request line is what stands between method and version', (t) => {
  t.is(read('GET /a?b HTTP/1.1', true), '/a?b');
  t.is(read('OPTIONS * HTTP/1.1', true), '*');
  t.is(read('GET / HTTP/1.0', true), '/');
  t.is(read('GET http://x/a HTTP/1.1', true), 'http://x/a');
});

test('a line that is none has no target', (t) => {
  t.is(read('GET', true), '');
  t.is(read('GET /', true), '');
  t.is(read('', true), '');
});

test('while nobody taps, it is left alone', (t) => {
  t.is(read('GET /a HTTP/1.1', false), '');
});
