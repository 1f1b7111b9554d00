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

/** Judges certificates in use. */
export interface ExpiredCertificates {
  used(use: CertificateUse): void;
  /** Uses that were in time: without any the others would prove nothing. */
  readonly inTime: number;
}

/**
 * No certificate carries anything after its expiry, neither over a new connection nor over one that was made before.
 *
 * @param isClockRight false for a target whose clock was set since the certificate was issued
 */
export function checkExpired(
  isClockRight: (target: string) => boolean,
  breaks: Break,
): ExpiredCertificates {
  let inTime = 0;
  return {
    used({ target, notAfterMs, sentMs, how }) {
      const lateMs = sentMs - notAfterMs;
      if (lateMs <= 0) inTime += 1;
      if (lateMs <= EXPIRY_SLACK_MS || !isClockRight(target)) return;
      const late = `${Math.round(lateMs / 1_000)} s after its certificate expired`;
      breaks(`${target} answered over ${how} ${late}`);
    },
    get inTime() {
      return inTime;
    },
  };
}
