import { z } from 'zod';
import type { ErrorDetails } from '../../common/errors.ts';
import { StoreError } from './store-error.ts';
import type { Entry } from './store.ts';

/** How records of one kind are stored: as JSON. */
export interface RecordCodec<Value> {
  /** As bytes; what is equal gives the same bytes. */
  readonly encode: (value: Value) => Buffer;
  /** Reads it back. Throws StoreError `corrupt`, or what was asked for instead. */
  readonly decode: (entry: Entry) => Value;
  /** The same, but undefined where it throws. */
  readonly decodeIfSound: (entry: Entry) => Value | undefined;
}

/**
 * The codec of a kind of record.
 *
 * @param what as in `a token`
 * @param schema both ways; fields that are no JSON are codecs of zod, such as those of pem-fields.ts
 * @param corrupt what is thrown when there is something else in the store
 */
export function recordCodec<Value>(
  what: string,
  schema: z.ZodType<Value>,
  corrupt: (sentence: string, details: ErrorDetails) => Error = (sentence, details) =>
    new StoreError('corrupt', sentence, details),
): RecordCodec<Value> {
  const read = ({ value }: Entry): Value => z.decode(schema, JSON.parse(value.toString()));
  return {
    encode: (value) => Buffer.from(JSON.stringify(z.encode(schema, value))),
    decode(entry) {
      try {
        return read(entry);
      } catch (cause) {
        throw corrupt(`expected ${what} in the store at ${entry.key}, got something else`, {
          hint: 'restore the data directory from a backup',
          cause,
        });
      }
    },
    decodeIfSound(entry) {
      try {
        return read(entry);
      } catch {
        return undefined;
      }
    },
  };
}
