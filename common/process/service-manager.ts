import { execFile } from 'node:child_process';
import type { Logger } from 'pino';

/** What systemd gave the process, and where a failure is told. */
export interface ServiceManagerOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly logger: Pick<Logger, 'warn'>;
}

/** Where the service manager listens, as in sd_notify(3). */
const SOCKET = 'NOTIFY_SOCKET';

/** It is done within milliseconds; systemd may be busy with the start of a machine. */
const TIMEOUT_MS = 30_000;

/**
 * Tells systemd that a unit of `Type=notify` is ready; does nothing where no service manager asked for it.
 * Node.js has no datagram sockets of that kind, so systemd's own program sends it, for which the unit
 * needs `NotifyAccess=all`.
 */
export function tellReady({ env, logger }: ServiceManagerOptions): void {
  const socket = env[SOCKET];
  if (socket === undefined) return;
  const options = { env: { PATH: env['PATH'], [SOCKET]: socket }, timeout: TIMEOUT_MS };
  execFile('systemd-notify', ['--ready'], options, (error) => {
    if (error === null) return;
    const fields = { event: 'not-notified', err: error.message };
    logger.warn(fields, 'systemd-notify could not tell systemd that this is ready');
  });
}
