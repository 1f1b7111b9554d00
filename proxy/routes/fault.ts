/** A share of the requests. */
interface Share {
  /** Of a hundred; fractions count. */
  readonly percent: number;
}

/** Faults that are injected on purpose, so that callers can be tried against them. */
export interface FaultSettings {
  /** The request waits before it is sent. */
  readonly delay: (Share & { readonly delayMs: number }) | undefined;
  /** The request is not sent, but answered: by a status, or a gRPC status where it is gRPC. */
  readonly abort:
    (Share & { readonly status: number; readonly grpcStatus: number | undefined }) | undefined;
}

/** What happens to one request; the two are drawn apart from each other. */
export interface Fault {
  /** 0 when it does not wait. */
  readonly delayMs: number;
  readonly abort: { readonly status: number; readonly grpcStatus: number | undefined } | undefined;
}

/**
 * Draws what happens to a request.
 *
 * @param random gives numbers in [0, 1)
 */
export function drawFault({ delay, abort }: FaultSettings, random: () => number): Fault {
  const isHit = (share: Share | undefined): boolean =>
    share !== undefined && random() * 100 < share.percent;
  return {
    delayMs: delay !== undefined && isHit(delay) ? delay.delayMs : 0,
    abort: isHit(abort) ? abort : undefined,
  };
}
