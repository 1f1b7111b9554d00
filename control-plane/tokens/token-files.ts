import type { Logger } from 'pino';
import { writeFileAtomically } from '../../common/files/atomic-file.ts';
import type { Clock, Timer } from '../../common/clock.ts';
import { ConfigError } from '../../common/config/config-error.ts';
import { afterByEither } from '../../common/dates.ts';
import { describeError, HauberkError } from '../../common/errors.ts';
import type { Closeable } from '../../common/lifecycle.ts';
import type { TokenFileOrder } from '../config/token-file.ts';
import type { Tokens } from './tokens.ts';

/** What the files are kept with. */
export interface TokenFilesOptions {
  readonly tokens: Pick<Tokens, 'create'>;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The files, until they are closed. */
export interface TokenFiles extends Closeable {
  /** Writes fresh tokens now: those in the files are invalid. */
  rewriteNow(): void;
}

/** A sidecar that was off for a night still finds a valid token when it returns. */
export const TOKEN_FILE_TTL_MS = 24 * 60 * 60 * 1000;

/** A reader at any moment finds a token that is valid for as long again. */
const REWRITE_AFTER_MS = TOKEN_FILE_TTL_MS / 2;

/** For a disk that is full, say: half of the time to live holds hundreds of tries. */
const RETRY_MS = 60_000;

/**
 * Sidecars read it as another user, in another container. Who may read a token is decided by the
 * directory, which is a volume that only the one sidecar has.
 */
const FILE_MODE = 0o444;

/**
 * Writes a join token for exactly one identity into each file, and a fresh one long before it
 * expires, until it is closed. Resolves when all files are there.
 *
 * @throws ConfigError `setting-invalid` when a file cannot be written the first time; later that is
 *   logged and tried again
 */
export async function keepTokenFiles(
  orders: readonly TokenFileOrder[],
  { tokens, clock, logger }: TokenFilesOptions,
): Promise<TokenFiles> {
  let timer: Timer | undefined;
  let closed = false;
  let writing: Promise<void> = Promise.resolve();

  async function write({ namespace, service, path }: TokenFileOrder): Promise<void> {
    const scope = { namespace, service, ttlMs: TOKEN_FILE_TTL_MS };
    const { joinToken, token } = await tokens.create(scope);
    await writeFileAtomically(path, `${joinToken}\n`, FILE_MODE);
    const { id: tokenId, expiresMs } = token;
    const line = { event: 'token-written', tokenId, namespace, service, path, expiresMs };
    logger.info(line, `wrote a join token for ${service} in ${namespace} to ${path}`);
  }

  async function rewrite(due: readonly TokenFileOrder[]): Promise<void> {
    const failed: TokenFileOrder[] = [];
    for (const order of due) {
      try {
        await write(order);
      } catch (error) {
        failed.push(order);
        logger.error(
          { event: 'token-not-written', path: order.path, err: error },
          `the join token in ${order.path} was not renewed, the old one stays valid for a while: ${describeError(error)}`,
        );
      }
    }
    if (closed) return;
    if (failed.length > 0) schedule(failed, RETRY_MS);
    else schedule(orders, REWRITE_AFTER_MS);
  }

  function schedule(due: readonly TokenFileOrder[], delayMs: number): void {
    // By date as well: the tokens in the files have ended while the machine was suspended.
    timer = afterByEither(clock, delayMs, () => {
      writing = rewrite(due);
    });
  }

  for (const order of orders) {
    try {
      await write(order);
    } catch (cause) {
      if (cause instanceof HauberkError) throw cause;
      const sentence = `the token file ${order.path} cannot be written: ${describeError(cause)}`;
      const hint =
        'its folder must exist, and the user of the control plane must be able to write to it';
      throw new ConfigError('setting-invalid', sentence, { hint, cause });
    }
  }
  if (orders.length > 0) schedule(orders, REWRITE_AFTER_MS);
  return {
    rewriteNow() {
      timer?.cancel();
      if (!closed && orders.length > 0) schedule(orders, 0);
    },
    async close() {
      closed = true;
      timer?.cancel();
      await writing;
    },
  };
}
