const SECOND_MS = 1000;
const MINUTE_MS = 60 * SECOND_MS;
const HOUR_MS = 60 * MINUTE_MS;
const DAY_MS = 24 * HOUR_MS;

/**
 * How far back NotBefore of a leaf is dated, so that a peer whose clock is behind accepts it at once.
 *
 * We promise that clocks may differ by 5 minutes (what Kerberos allows, and far more than NTP leaves).
 * The 30 seconds on top pay for the rounding of NotBefore to whole seconds and for the time between
 * issue and the first handshake of a host that drifts right at that limit.
 */
export const CLOCK_SKEW_MS = 5 * MINUTE_MS + 30 * SECOND_MS;

/** Root and issuer are made at the first start, perhaps before the clock is right. */
export const AUTHORITY_BACKDATE_MS = DAY_MS;

/** Ten years: longer than a deployment is expected to live without a planned rotation. */
export const ROOT_LIFETIME_MS = 3650 * DAY_MS;

/** Thirty days: an issuer is replaced often enough that its replacement is routine. */
export const ISSUER_LIFETIME_MS = 30 * DAY_MS;

/** What a leaf gets when nothing else is requested. */
export const DEFAULT_LEAF_LIFETIME_MS = HOUR_MS;

/** Shorter, and the round trip of a renewal is no longer small beside the lifetime. */
export const MIN_LEAF_LIFETIME_MS = 10 * SECOND_MS;

/** Longer, and revocations would have to be remembered for long. */
export const MAX_LEAF_LIFETIME_MS = 7 * DAY_MS;
