import type { HeaderField } from './hpack/static-table.ts';

/** Belong to HTTP/1.1 (RFC 9113 section 8.2.2). */
const CONNECTION_FIELDS = new Set([
  'connection',
  'keep-alive',
  'proxy-connection',
  'transfer-encoding',
  'upgrade',
]);

/** Lower case, and none of the controls and separators of HTTP/1.1 (RFC 9113 section 8.2.1). */
const FIELD_NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;

/**
 * No control character but the tab (RFC 9110 section 5.5), and no space at the ends (RFC 9113 section 8.2.1): HTTP/1.1
 * could not say it, and a field that is left out on the way there may be the one that matters.
 */
// oxlint-disable-next-line no-control-regex -- these are the characters that the RFC forbids
const FORBIDDEN_IN_VALUE = /[\0-\x08\n-\x1f\x7f]|^[ \t]|[ \t]$/;

/** True when a message of HTTP/2 may have such a value, also in a pseudo-header field. */
export function isFieldValue(value: string): boolean {
  return !FORBIDDEN_IN_VALUE.test(value);
}

/** True when a message of HTTP/2 may have this field (RFC 9113 section 8.2); false for pseudo-header fields. */
export function isRegularField([name, value]: HeaderField): boolean {
  if (FORBIDDEN_IN_VALUE.test(value) || !FIELD_NAME.test(name)) return false;
  return !CONNECTION_FIELDS.has(name) && (name !== 'te' || value.toLowerCase() === 'trailers');
}
