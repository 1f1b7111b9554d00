import type { Logger } from 'pino';
import type { ControlPlaneMetrics } from '../../metrics.ts';

/** What is counted of the log. */
export type LogCounters = Pick<ControlPlaneMetrics, 'logLines' | 'reloadsRefused'>;

/** Files that are followed, by the event that tells of one that cannot be used. */
const REFUSED_FILES: ReadonlyMap<string, string> = new Map([
  ['mesh-config-invalid', 'mesh-config'],
  ['upstream-issuer-refused', 'issuer'],
  ['bundle-endpoint-certificate-refused', 'bundle-certificate'],
  ['dashboard-certificate-refused', 'dashboard-certificate'],
  ['etcd-certificate-refused', 'store-certificate'],
]);

/** What followed files are for. */
export const FOLLOWED_FILES: readonly string[] = [...REFUSED_FILES.values()];

/** Levels that tell of trouble. */
export const COUNTED_LEVELS = ['warn', 'error'] as const;

/**
 * A logger that writes to the one that is given, whatever its level, and counts what tells of trouble: a second place
 * to count would be forgotten where the log is not.
 */
export function countingLogger(logger: Logger, { logLines, reloadsRefused }: LogCounters): Logger {
  const counting = Object.create(logger) as Logger;
  for (const level of COUNTED_LEVELS) {
    counting[level] = (fields: unknown, sentence?: unknown): void => {
      logger[level](fields, sentence as string);
      logLines.inc({ level });
      const event: unknown =
        typeof fields === 'object' && fields !== null && 'event' in fields && fields.event;
      const file = typeof event === 'string' ? REFUSED_FILES.get(event) : undefined;
      if (file !== undefined) reloadsRefused.inc({ file });
    };
  }
  return counting;
}
