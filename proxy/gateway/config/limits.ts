import { z } from 'zod';
import { integer } from '../../../common/config/values.ts';

/** A day: what waits longer than that waits for ever. */
const MAX_SECONDS = 86_400;

const seconds = (fallback: number) => integer({ min: 1, max: MAX_SECONDS }).default(fallback);

/** Connections to one listener at a time: bounds what unauthenticated clients can make the gateway hold. */
const connections = integer({ min: 1, max: 1_000_000 }).default(10_000);

/**
 * What one client address (a /48 of IPv6) may have of the connections that the others leave, in percent: the
 * first one half of them, the next half of the rest. 100 for a listener behind a proxy that does not say
 * who its clients are.
 */
const clientPercent = integer({ min: 1, max: 100 }).default(50);

/** What a listener for connections bounds. */
export const connectionLimits = z.strictObject({ connections, clientPercent });

/**
 * What a listener for HTTP bounds.
 *
 * Applications differ most in what they take as a body, and time out by themselves: those limits are
 * wide. What clients could do without sending a whole request is bounded tightly.
 */
export const httpLimits = z.strictObject({
  connections,
  clientPercent,
  /** Request line and header fields together; beyond: 431. */
  headerBytes: integer({ min: 1_024, max: 1_048_576 }).default(32_768),
  /** A request's body; beyond: 413. */
  bodyBytes: integer({ min: 0, max: 1_000_000_000_000 }).default(104_857_600),
  /** From the first byte of a request until its header fields are complete; beyond: 408. */
  headersSeconds: seconds(15),
  /**
   * From the header fields of a request until its body has been carried on, or an answer begins; beyond: 408
   * for a client that has not sent it, 504 for a service that has not taken it.
   */
  requestSeconds: seconds(300),
  /** From the end of the request until the service's answer begins; beyond: 504. */
  responseSeconds: seconds(60),
  /** Nothing moves in either direction, once an answer has begun or a WebSocket is open; beyond: a reset. */
  streamIdleSeconds: seconds(300),
  /** Between two requests of one connection. */
  idleSeconds: seconds(75),
});

/** Bounds of a listener for HTTP. */
export type HttpLimits = Readonly<z.output<typeof httpLimits>>;
