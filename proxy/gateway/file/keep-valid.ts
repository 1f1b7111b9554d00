import { X509Certificate } from 'node:crypto';
import type { Logger } from 'pino';
import type { WallClock } from '../../../common/clock.ts';
import { allMistakes, ConfigError } from '../../../common/config/config-error.ts';
import type { LoadedListener } from './load.ts';
import { findListener } from '../config/same-address.ts';

type Apply = (listeners: readonly LoadedListener[]) => Promise<boolean>;

/** A certificate of a listener that is not valid any more. */
interface Expired {
  readonly path: string;
  readonly notAfterMs: number;
}

/**
 * `apply`, but for files in which an expired certificate has taken the place of valid ones: an operator
 * has put
 * back an old file, and clients would go away. A listener that has nothing better is opened with it, and the
 * log says so.
 *
 * @returns what throws ConfigError then
 */
export function keepValid(
  { clock, logger }: { readonly clock: WallClock; readonly logger: Logger },
  apply: Apply,
): Apply {
  let present: readonly LoadedListener[] = [];
  return async (listeners) => {
    const nowMs = clock.epochMs();
    const warnings: (Expired & { readonly listener: string })[] = [];
    const mistakes: ConfigError[] = [];
    for (const loaded of listeners) {
      const before =
        findListener(loaded, present) ??
        present.find(({ config }) => config.name === loaded.config.name);
      if (before?.digest === loaded.digest) continue;
      const expired = expiredAt(loaded, nowMs);
      const { name } = loaded.config;
      if (before === undefined || !hasCertificates(before) || expiredAt(before, nowMs).length > 0) {
        warnings.push(...expired.map((one) => ({ ...one, listener: name })));
        continue;
      }
      mistakes.push(...expired.map((one) => replacesValid(name, one)));
    }
    const [first, ...others] = mistakes;
    if (first !== undefined) throw allMistakes([first, ...others]);
    const changed = await apply(listeners);
    present = listeners;
    for (const { listener, path, notAfterMs } of warnings) {
      const line = { event: 'certificate-expired', listener, path, notAfterMs };
      logger.warn(
        line,
        `${sentenceOf({ path, notAfterMs })}, and the listener ${listener} uses it`,
      );
    }
    return changed;
  };
}

function replacesValid(listener: string, expired: Expired): ConfigError {
  const message = `${sentenceOf(expired)}, and those that the listener ${listener} uses are valid`;
  return new ConfigError('setting-invalid', message, { hint: 'give one that has not expired' });
}

function sentenceOf({ path, notAfterMs }: Expired): string {
  return `the certificate ${path} expired at ${new Date(notAfterMs).toISOString()}`;
}

function hasCertificates({ config }: LoadedListener): boolean {
  return 'tls' in config && config.tls.mode === 'Terminate';
}

function expiredAt({ config, files }: LoadedListener, nowMs: number): Expired[] {
  if (!('tls' in config) || config.tls.mode !== 'Terminate') return [];
  return config.tls.certificates
    .map(({ certificate: path }) => {
      const { validToDate } = new X509Certificate(files.get(path) ?? '');
      return { path, notAfterMs: validToDate.getTime() };
    })
    .filter(({ notAfterMs }) => notAfterMs <= nowMs);
}
