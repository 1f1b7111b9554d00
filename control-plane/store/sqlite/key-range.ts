/**
 * The bounds of all keys that begin with the prefix, as UTF-8: from `low`, up to but without `high`.
 * `high` is no valid UTF-8, so it is a buffer that SQL has to cast to text; SQLite compares bytes.
 */
export function keyRange(prefix: string): { readonly low: string; readonly high: Buffer } {
  const high = Buffer.from(prefix);
  const last = high.at(-1);
  // 0xff occurs in no UTF-8 text: above every key. For the same reason the last byte never overflows.
  if (last === undefined) return { low: prefix, high: Buffer.of(0xff) };
  high[high.length - 1] = last + 1;
  return { low: prefix, high };
}
