import type { Break } from './violations.ts';

/** A use of a certificate that is never renewed. */
export interface CertificateUse {
  readonly target: string;
  readonly notAfterMs: number;
  /** When the request was sent that was answered. */
  readonly sentMs: number;
  readonly how: 'a new connection' | 'a connection from before';
}

/** A connection is broken off by a timer, on a machine that is busy. */
export const EXPIRY_SLACK_MS = 3_000;

/**
 * Judges certificates in use: no certificate carries anything after its expiry, neither over a new connection nor over
 * one that was made before.
 *
 * @param isClockRight false for a target whose clock was set since the certificate was issued
 */
export function checkExpired(
  isClockRight: (target: string) => boolean,
  breaks: Break,
): (use: CertificateUse) => void {
  return ({ target, notAfterMs, sentMs, how }) => {
    const lateMs = sentMs - notAfterMs;
    if (lateMs <= EXPIRY_SLACK_MS || !isClockRight(target)) return;
    breaks(
      `${target} answered over ${how} ${Math.round(lateMs / 1_000)} s after its certificate expired`,
    );
  };
}
