/** A header or trailer field as it came: name, value. */
export type Field = readonly [name: string, value: string];

/** Names and values one after the other, as node:http has them. */
export function fieldsOf(raw: readonly string[]): Field[] {
  const fields: Field[] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) fields.push([raw[at] ?? '', raw[at + 1] ?? '']);
  return fields;
}

/** The other way round. */
export function rawOf(fields: readonly Field[]): string[] {
  return fields.flat();
}

/** Pairs, as node:http wants trailers. */
export function pairsOf(fields: readonly Field[]): [string, string][] {
  return fields.map(([name, value]) => [name, value]);
}

/** All values of a field, whose name is in lower case. */
export function valuesOf(fields: readonly Field[], name: string): string[] {
  return fields.filter(([own]) => own.toLowerCase() === name).map(([, value]) => value);
}

/** The members of a list that may be spread over several fields (RFC 9110 section 5.6.1), in lower case. */
export function listOf(fields: readonly Field[], name: string): string[] {
  return valuesOf(fields, name)
    .flatMap((value) => value.split(','))
    .map((member) => member.trim().toLowerCase())
    .filter((member) => member !== '');
}

/** Fields as node:http2 wants them: names in lower case, several values of one name as a list. */
export function http2HeadersOf(fields: readonly Field[]): Record<string, string | string[]> {
  const headers: Record<string, string | string[]> = {};
  for (const [name, value] of fields) {
    const key = name.toLowerCase();
    const before = headers[key];
    headers[key] = before === undefined ? value : [before, value].flat();
  }
  return headers;
}

/** Those of one connection only, whether `Connection` names them or not (RFC 9110 section 7.6.1). */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'te',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-authentication-info',
]);

/** Leaves out what is meant for this connection only (RFC 9110 section 7.6.1). */
export function endToEnd(fields: readonly Field[]): Field[] {
  const nominated = new Set(listOf(fields, 'connection'));
  return fields.filter(([name]) => {
    const key = name.toLowerCase();
    return !HOP_BY_HOP.has(key) && !nominated.has(key);
  });
}

/** What a trailer may not say: it comes when everything has been decided (RFC 9110 section 6.5.1). */
const NOT_IN_TRAILERS: ReadonlySet<string> = new Set([
  'host',
  'content-length',
  'content-encoding',
  'content-type',
  'content-range',
  'trailer',
  'authorization',
  'cookie',
  'set-cookie',
  'cache-control',
  'expect',
  'max-forwards',
  'range',
]);

/** The trailers that may go on. */
export function trailersToPass(fields: readonly Field[]): Field[] {
  return endToEnd(fields).filter(([name]) => !NOT_IN_TRAILERS.has(name.toLowerCase()));
}
