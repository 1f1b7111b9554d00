/**
 * What never leaves the process in a log line or a message: join tokens, whole or cut short, and PEM
 * blocks of private keys, whose line ends may be real or JSON-escaped. The body is bounded, so that a
 * hostile line of many `BEGIN`s costs linear time.
 */
const SECRETS = [
  { pattern: /hbk-\d+-[a-z0-9-]+/gi, substitute: 'hbk-[redacted]' },
  {
    pattern:
      /-----BEGIN [A-Z0-9 ]{0,32}PRIVATE KEY-----(?:[^-]{0,16384}-----END [A-Z0-9 ]{0,32}PRIVATE KEY-----|(?:[A-Za-z0-9+/=\s]|\\+[nr]){0,16384})/g,
    substitute: '[private key redacted]',
  },
] as const;

/** Takes join tokens and private keys out of a text, wherever in it they are. */
export function redact(text: string): string {
  let clean = text;
  for (const { pattern, substitute } of SECRETS) clean = clean.replace(pattern, substitute);
  return clean;
}
