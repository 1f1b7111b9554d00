import { HauberkError } from '../errors.ts';
import { ListenError } from '../network/listen.ts';
import { ConfigError } from './config-error.ts';

/** How every Hauberk program ends; docs/exit-codes.md tells people what each means. */
export const EXIT_CODE = {
  ok: 0,
  /** It could not do what it was asked. */
  failed: 1,
  /** The command line, the environment, the configuration file or a port does not fit. */
  usage: 2,
  /** The control plane could not be reached: trying again later may help. */
  unreachable: 3,
  /** A sidecar's network namespace is gone; it comes up in the new one when it is started again. */
  networkLost: 4,
} as const;

const UNREACHABLE: ReadonlySet<string> = new Set(['unreachable', 'timeout', 'unavailable']);

/** The exit code for an error that ends a program. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof ConfigError || error instanceof ListenError) return EXIT_CODE.usage;
  if (error instanceof HauberkError && error.code === 'network-lost') return EXIT_CODE.networkLost;
  const unreachable = error instanceof HauberkError && UNREACHABLE.has(error.code);
  return unreachable ? EXIT_CODE.unreachable : EXIT_CODE.failed;
}
