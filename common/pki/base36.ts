/**
 * Bytes as one big-endian number in lower-case base36, padded with zeros to a fixed width: shell-safe,
 * URL-safe, selected by a double click, and of one length whatever the value.
 *
 * @param width characters; must hold every value of that many bytes
 */
export function encodeBase36(bytes: Uint8Array, width: number): string {
  return BigInt(`0x0${Buffer.from(bytes).toString('hex')}`)
    .toString(36)
    .padStart(width, '0');
}
