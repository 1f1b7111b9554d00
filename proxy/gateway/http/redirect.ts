import { type OwnAnswer } from '../../http/forward/own-answer.ts';
import type { RequestTarget } from '../../http/fields/request-target.ts';
import type { HttpRoute } from '../config/gateway-file.ts';

/** The port that `https` means when none is said. */
const HTTPS_PORT = 443;

/** Sends a client to the same place over TLS; undefined when it did not say which host it wants. */
export function redirectAnswer(
  { host }: RequestTarget,
  target: string,
  { port, statusCode }: NonNullable<HttpRoute['requestRedirect']>,
): OwnAnswer | undefined {
  if (host === undefined || target === '*') return undefined;
  const authority = port === HTTPS_PORT ? host : `${host}:${port}`;
  return {
    status: statusCode,
    fields: [['Location', `https://${authority}${target}`]],
    body: '',
  };
}
