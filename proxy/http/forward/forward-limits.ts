/** What bounds a request; 0 milliseconds are for ever. */
export interface ForwardLimits {
  readonly bodyBytes: number;
  /** Until all of the body has been carried on, or an answer begins. */
  readonly requestMs: number;
  /** From the end of the request until the service's answer begins. */
  readonly responseMs: number;
  /** For how long nothing may move once an answer has begun. */
  readonly idleMs: number;
}
