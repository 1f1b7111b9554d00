import type { RecordedWrite } from '../load/record.ts';
import type { Break } from './violations.ts';

/** One try to connect with a stolen key. */
export interface Attempt {
  /** Whose key, and what is wrong with it. */
  readonly who: string;
  readonly target: string;
  /** `200`, another status, or why there was none. */
  readonly answer: string;
}

/** Judges what was accepted. */
export interface ForbiddenConnections {
  recorded(host: string, write: RecordedWrite): void;
  /** A try that policy or a revocation forbids. */
  tried(attempt: Attempt): void;
  /** How many of them were refused. */
  readonly refused: number;
}

/** Which writers no recorder may hear: from whom, and where; without a host: nowhere. */
export interface Forbidden {
  readonly writer: string;
  readonly host?: string;
}

/** No connection is accepted that policy or a revocation forbids. */
export function checkForbidden(
  forbidden: readonly Forbidden[],
  breaks: Break,
): ForbiddenConnections {
  let refused = 0;
  return {
    recorded(host, { writer, id }) {
      const isForbidden = forbidden.some(
        (one) => one.writer === writer && (one.host === undefined || one.host === host),
      );
      if (isForbidden) breaks(`${host} recorded the write ${id} of ${writer}, which is forbidden`);
    },
    tried({ who, target, answer }) {
      if (answer === '200') breaks(`${target} accepted a connection with the key of ${who}`);
      else refused += 1;
    },
    get refused() {
      return refused;
    },
  };
}
