import type { TapEvent } from '../../../proto/gen/hauberk/v1/traffic.ts';

/** A connection or a request that a sidecar has seen. */
export interface TapLine extends Omit<TapEvent, 'inbound'> {
  /** Services as `SERVICE.NAMESPACE`; others as the sidecar calls them. */
  readonly from: string;
  readonly to: string;
  /** Whose sidecar it was: both ends see what passes between them. */
  readonly seenBy: string;
  readonly instanceId: string;
}

/** What a tap has seen since the answer before. */
export interface TapAnswer {
  readonly lines: readonly TapLine[];
  /** Left out, because there were too many. */
  readonly dropped: number;
  /** That were asked, and those of an older version, which cannot tell. */
  readonly sidecars: number;
  readonly unable: number;
  readonly unreached: readonly string[];
}
