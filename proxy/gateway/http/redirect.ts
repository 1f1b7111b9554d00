import type { HttpRoute } from '../config/gateway-file.ts';
import type { OwnAnswer } from './refuse.ts';
import type { RequestHead } from './request-head.ts';

/** The port that `https` means when none is said. */
const HTTPS_PORT = 443;

/** Sends a client to the same place over TLS; undefined when it did not say which host it wants. */
export function redirectAnswer(
  { host, target }: RequestHead,
  { port, statusCode }: NonNullable<HttpRoute['requestRedirect']>,
): OwnAnswer | undefined {
  if (host === undefined || target === '*') return undefined;
  const authority = port === HTTPS_PORT ? host : `${host}:${port}`;
  return {
    status: statusCode,
    fields: [
      ['Location', `https://${authority}${target}`],
      ['Content-Length', '0'],
    ],
    body: '',
    close: false,
  };
}
