import { createSecureContext, type SecureContext } from 'node:tls';
import { ConfigError } from '../../../common/config/config-error.ts';
import { flagName } from '../../../common/config/settings.ts';
import { readTextFile } from '../../../common/config/text-file.ts';
import { describeError } from '../../../common/errors.ts';
import { isLoopbackHost } from '../../../common/network/ip-address.ts';
import type { ControlPlaneSettings } from '../../config/config.ts';
import { requirePair } from '../../config/paired-settings.ts';
import type { PrometheusAccess, PrometheusEndpoint } from '../../prometheus/endpoint.ts';

/** The settings that say where Prometheus is and how it is asked. */
export type PrometheusSettings = Partial<
  Pick<
    ControlPlaneSettings,
    'prometheus' | (typeof TLS_SETTINGS)[number] | (typeof WHO_SETTINGS)[number]
  >
>;

const TLS_SETTINGS = ['prometheusCa', 'prometheusCert', 'prometheusKey'] as const;
const WHO_SETTINGS = ['prometheusUser', 'prometheusPasswordFile', 'prometheusTokenFile'] as const;

/** Of certificates, a key, a password. */
const MAX_FILE_BYTES = 1024 * 1024;

/**
 * Where Prometheus is asked for history, and with what. The files are read once here, so that what is wrong with them
 * shows at the start.
 *
 * @returns undefined where no Prometheus is named
 * @throws ConfigError
 */
export function prometheusEndpoint(settings: PrometheusSettings): PrometheusEndpoint | undefined {
  const { prometheus: url } = settings;
  const given = (names: readonly (keyof PrometheusSettings)[]) =>
    names.find((name) => settings[name] !== undefined);
  if (url === undefined) {
    const lost = given([...TLS_SETTINGS, ...WHO_SETTINGS]);
    if (lost === undefined) return undefined;
    const hint = `give --prometheus URL, or leave ${flagName(lost)} out`;
    throw new ConfigError('setting-missing', `${flagName(lost)} needs --prometheus beside it`, {
      hint,
    });
  }
  requirePair(settings, 'prometheusUser', 'prometheusPasswordFile');
  requirePair(settings, 'prometheusCert', 'prometheusKey');
  if (settings.prometheusUser !== undefined && settings.prometheusTokenFile !== undefined) {
    const sentence = '--prometheus-user and --prometheus-token-file name two ways to sign in';
    const hint = 'give a user with a password, or a token';
    throw new ConfigError('setting-invalid', sentence, { hint });
  }
  const { protocol, hostname } = new URL(url);
  if (protocol === 'http:') {
    refuse(given(TLS_SETTINGS), `is for https, and --prometheus is ${url}`, 'name it with https:');
    // In a URL addresses of IPv6 have brackets.
    if (!isLoopbackHost(hostname.replace(/^\[(.*)\]$/, '$1'))) {
      const hint =
        'name it with https:, or reach it over loopback, as by an upstream of a sidecar beside it';
      refuse(given(WHO_SETTINGS), `would be sent to ${url} unencrypted`, hint);
    }
  }
  const endpoint = { url, access: () => readAccess(settings, protocol === 'https:') };
  endpoint.access();
  return endpoint;
}

function readAccess(settings: PrometheusSettings, isTls: boolean): PrometheusAccess {
  return {
    authorization: authorization(settings),
    secureContext: isTls ? secureContext(settings) : undefined,
  };
}

function secureContext(settings: PrometheusSettings): SecureContext {
  const [ca, cert, key] = TLS_SETTINGS.map((name) => readSetting(settings, name));
  const hint = 'check --prometheus-ca, --prometheus-cert and --prometheus-key';
  // OpenSSL takes a file without any for an empty list of authorities.
  if (ca?.includes('-----BEGIN CERTIFICATE-----') === false) {
    const sentence = `--prometheus-ca: expected certificates in PEM, got none: ${settings.prometheusCa}`;
    throw new ConfigError('file-malformed', sentence, { hint });
  }
  try {
    return createSecureContext({ ca, cert, key, minVersion: 'TLSv1.2' });
  } catch (cause) {
    const sentence = `the certificates for Prometheus cannot be used: ${describeError(cause)}`;
    throw new ConfigError('setting-invalid', sentence, { hint, cause });
  }
}

function authorization(settings: PrometheusSettings): string | undefined {
  const password = readSetting(settings, 'prometheusPasswordFile');
  if (password !== undefined) {
    const pair = `${settings.prometheusUser}:${withoutLineEnd(password)}`;
    return `Basic ${Buffer.from(pair).toString('base64')}`;
  }
  const text = readSetting(settings, 'prometheusTokenFile');
  if (text === undefined) return undefined;
  const token = text.trim();
  // RFC 6750, section 2.1, but for what some servers also take. Nothing of it may be in the sentence.
  if (/^[\x21-\x7e]+$/.test(token)) return `Bearer ${token}`;
  const sentence = '--prometheus-token-file: expected one word of ASCII, got something else';
  throw new ConfigError('file-malformed', `${sentence}: ${settings.prometheusTokenFile}`, {
    hint: 'write the token alone into the file, without "Bearer" in front',
  });
}

function readSetting(
  settings: PrometheusSettings,
  name: Exclude<keyof PrometheusSettings, 'prometheus' | 'prometheusUser'>,
): string | undefined {
  const file = settings[name];
  const what = { what: flagName(name), maxBytes: MAX_FILE_BYTES };
  return file === undefined ? undefined : readTextFile(file, what);
}

function withoutLineEnd(text: string): string {
  return text.replace(/\r?\n$/, '');
}

function refuse(given: keyof PrometheusSettings | undefined, why: string, hint: string): void {
  if (given === undefined) return;
  throw new ConfigError('setting-invalid', `${flagName(given)} ${why}`, { hint });
}
