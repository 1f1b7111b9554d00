import { type Exchange, NAME_FIELD, OK } from '../exchange.ts';
import type { RawField } from '../../helpers/clients/http2-wire.ts';
import type { RawHttp2Request } from '../record/http2-client.ts';
import { ANSWER_EXCHANGES } from './answers.ts';
import { ODD_FIELDS } from './fields.ts';
import { INTERIM_EXCHANGES } from './interim.ts';
import { METHODS } from './methods.ts';
import { TARGETS } from './targets.ts';

interface Http2Options extends Partial<RawHttp2Request> {
  readonly method?: string;
  readonly target?: string;
}

function over2(kind: string, what: string, options: Http2Options, answer = OK): Exchange {
  const { method = 'GET', target = '/', fields = [], data, trailers } = options;
  const name = `HTTP/2: ${what}`;
  const pseudo: readonly RawField[] = [
    [':method', method],
    [':scheme', 'http'],
    [':authority', 'a.test'],
    [':path', target],
  ];
  return {
    name,
    kind: `HTTP/2 ${kind}`,
    pieces: [],
    methods: [method],
    answer,
    http2: {
      fields: [...pseudo, [NAME_FIELD.toLowerCase(), name], ...fields],
      ...(data && { data }),
      ...(trailers && { trailers }),
    },
  };
}

const METHOD_BODIES = METHODS.flatMap((method) => [
  over2('method', `${method} with no body`, { method }),
  over2('method', `${method} with a body`, { method, data: ['hel', 'lo'] }),
  over2('method', `${method} with a length`, {
    method,
    fields: [['content-length', '5']],
    data: ['hello'],
  }),
]);

const BODIES = [
  over2('body', 'an empty frame', { method: 'POST', data: [''] }),
  over2('body', 'empty frames among others', { method: 'POST', data: ['', 'he', '', 'llo', ''] }),
  over2('body', 'a frame for each byte', { method: 'POST', data: 'hello, world'.split('') }),
  over2('body', '16,384 bytes in a frame', { method: 'POST', data: ['x'.repeat(16_384)] }),
  over2('body', '60,000 bytes', {
    method: 'POST',
    data: ['x'.repeat(16_000), 'y'.repeat(16_000), 'z'.repeat(16_000), 'x'.repeat(12_000)],
  }),
  over2('body', 'a length of nothing', { method: 'POST', fields: [['content-length', '0']] }),
  over2('trailers', 'a trailer', { method: 'POST', data: ['hello'], trailers: [['x-sum', '1']] }),
  over2('trailers', 'two trailers', {
    method: 'POST',
    data: ['hello'],
    trailers: [
      ['x-sum', '1'],
      ['x-two', 'caf\xe9'],
    ],
  }),
  over2('trailers', 'a trailer without a body', { method: 'POST', trailers: [['x-sum', '1']] }),
  over2('field', 'te: trailers', { fields: [['te', 'trailers']] }),
  over2('field', 'cookies in crumbs', {
    fields: [
      ['cookie', 'a=1'],
      ['cookie', 'b=2'],
      ['cookie', 'c=3'],
    ],
  }),
];

const FIELDS = ODD_FIELDS.map(([what, lines]) =>
  over2('field', `a request with ${what}`, { fields: lines.map(toField) }),
);

/** In HTTP/2 names are in small letters, and values have no blanks around them. */
function toField(line: string): RawField {
  const colon = line.indexOf(':');
  return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
}

const PATHS = TARGETS.filter((target) => target.startsWith('/')).map((target) =>
  over2('target', `the target ${target.slice(0, 60)}`, { target }),
);

/** What a service answers over HTTP/1.1 to a request that came over HTTP/2. */
const ANSWERS = [...ANSWER_EXCHANGES, ...INTERIM_EXCHANGES]
  .filter(({ kind, pieces }) => (kind === 'answer' || kind === 'interim') && pieces.length === 1)
  .filter(({ name, methods }) => !name.endsWith('HTTP/1.0') && methods[0] !== 'POST')
  .map(({ kind, name, methods: [method = 'GET'], answer }) =>
    over2(kind, name, { method }, answer),
  );

/** What is sent over HTTP/2 through every proxy, to a service that speaks HTTP/1.1. */
export const HTTP2_EXCHANGES: readonly Exchange[] = [
  ...METHOD_BODIES,
  ...BODIES,
  ...FIELDS,
  ...PATHS,
  ...ANSWERS,
];
