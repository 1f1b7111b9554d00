import type { Exchange } from '../exchange.ts';
import { chunked, request, response, single } from './requests.ts';

const LENGTH = response('200 OK', ['Content-Length: 12'], 'hello, world');
const CHUNKS = response(
  '200 OK',
  ['Transfer-Encoding: chunked'],
  chunked(['hello', ', world'], ['X-Sum: 1']),
);
const UP_TO_END = response('200 OK', [], 'hello');

/** The first bytes of an answer, at every length, and then the end or a reset. */
const ANSWERS: readonly Exchange[] = (['end', 'reset'] as const).flatMap((after) =>
  Object.entries({ LENGTH, CHUNKS, UP_TO_END }).flatMap(([what, whole]) =>
    Array.from({ length: whole.length }, (_, at) =>
      single(
        'cut answer',
        `${what} cut at ${at}, ${after}`,
        {},
        {
          answer: { pieces: at === 0 ? [] : [whole.slice(0, at)], on: 'whole', after },
        },
      ),
    ),
  ),
);

/** The first bytes of a request, at every length, and then the end or a reset. */
const REQUESTS: readonly Exchange[] = (['end', 'reset'] as const).flatMap((cut) =>
  (['length', 'chunks'] as const).flatMap((framing) => {
    const make = (name: string): string =>
      framing === 'length'
        ? request(name, { method: 'POST', fields: ['Content-Length: 12'], body: 'hello, world' })
        : request(name, {
            method: 'POST',
            fields: ['Transfer-Encoding: chunked'],
            body: chunked(['hello', ', world'], ['X-Sum: 1']),
          });
    // Names of the same length make requests of the same length.
    const nameOf = (at: number): string =>
      `${framing} cut at ${String(at).padStart(3, '0')}, ${cut}`;
    return Array.from({ length: make(nameOf(0)).length }, (_, at) =>
      single('cut request', nameOf(at), {}, { pieces: [make(nameOf(at)).slice(0, at)], cut }),
    );
  }),
);

/** Answers and requests that are cut at every byte. */
export const CUT_EXCHANGES: readonly Exchange[] = [...ANSWERS, ...REQUESTS];
