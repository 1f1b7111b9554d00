import { END_HEADERS, FRAME, frame, literalHeader } from '../../helpers/clients/http2-frames.ts';

const END_STREAM = 1;

/** A name and a value. */
type Field = readonly [name: string, value: string];

/** The frame of a GET in HTTP/2, with fields that a client could not be made to send. */
export function rawGet(path: string, fields: readonly Field[] = [], stream = 1): Buffer {
  const pseudo: readonly Field[] = [
    [':method', 'GET'],
    [':scheme', 'http'],
    [':path', path],
    [':authority', 'a'],
  ];
  const payload = Buffer.concat(
    [...pseudo, ...fields].map(([name, value]) => literalHeader(name, value)),
  );
  return frame({ type: FRAME.headers, flags: END_HEADERS | END_STREAM, stream, payload });
}
