import { ERROR_CODE } from '../http2/protocol.ts';
import { TunnelError } from './tunnel-error.ts';

/** What a CONNECT that was answered with anything but 200 means (HBONE as ztunnel answers it). */
export function answerError(status: number | undefined): TunnelError {
  switch (status ?? 0) {
    case 400:
      return new TunnelError('not-exposed', 'the peer does not expose that address and port', {
        hint: 'check what the peer exposes',
      });
    case 401:
      return new TunnelError('denied', "the peer's policy does not allow this connection", {
        hint: "look for the reason in the peer's log",
      });
    case 503:
      return new TunnelError('app-unreachable', "the peer's application did not accept", {
        hint: 'check that the application is running and listens on that port',
      });
    default:
      return new TunnelError(
        'protocol',
        `expected 200, 400, 401 or 503, got ${status ?? 'nothing'}`,
      );
  }
}

/**
 * What the end of a CONNECT without an answer means (RFC 9113 section 7). `refused-stream` says that
 * the peer has not looked at it: node:http2 says ENHANCE_YOUR_CALM in that case too.
 */
export function resetError(code: number): TunnelError {
  if (code === ERROR_CODE.REFUSED_STREAM || code === ERROR_CODE.ENHANCE_YOUR_CALM) {
    return new TunnelError('refused-stream', 'the peer refused the stream before processing it');
  }
  switch (code) {
    case ERROR_CODE.CONNECT_ERROR:
      return new TunnelError('app-unreachable', "the peer's application did not accept");
    case ERROR_CODE.INTERNAL_ERROR:
    case ERROR_CODE.CANCEL:
    case ERROR_CODE.NO_ERROR:
      return new TunnelError('tunnel-lost', `the peer cancelled the stream (HTTP/2 code ${code})`);
    default:
      return new TunnelError('protocol', `the peer reset the stream with HTTP/2 code ${code}`);
  }
}

/** The tunnel is gone, and there was no answer. */
export function tunnelLostError(): TunnelError {
  return new TunnelError('tunnel-lost', 'the tunnel ended before the peer answered');
}
