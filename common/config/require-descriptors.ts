import { MIN_DESCRIPTORS, PROCESS_DESCRIPTORS } from '../budget/descriptors.ts';
import { ConfigError } from './config-error.ts';

/**
 * Refuses to start with fewer descriptors than a program is of any use with.
 *
 * @throws ConfigError
 */
export function requireDescriptors(limit: number = PROCESS_DESCRIPTORS.limit): void {
  if (limit >= MIN_DESCRIPTORS) return;
  const sentence = `this process may open ${limit} files and connections, and needs at least ${MIN_DESCRIPTORS}`;
  const hint = 'raise the limit (ulimit -n, LimitNOFILE of systemd, ulimits.nofile of Compose)';
  throw new ConfigError('descriptors-too-few', sentence, { hint });
}
