/** Where a server is that is asked by HTTP: what is told of it in errors must be no secret. */
import test from 'ava';
import { httpUrl } from '../../../common/config/values.ts';

for (const [given, taken] of [
  ['http://127.0.0.1:9090', 'http://127.0.0.1:9090/'],
  ['https://prometheus.local/below', 'https://prometheus.local/below'],
] as const) {
  test(`${given} is taken`, (t) => t.is(httpUrl.parse(given), taken));
}

for (const given of [
  'http://user@host',
  'http://user:secret@host',
  'http://:secret@host',
  'http://host/?a=b',
  'http://host/#a',
  'ftp://host',
  'host:9090',
]) {
  test(`${given} is refused`, (t) => t.false(httpUrl.safeParse(given).success));
}
