import { ConfigError } from '../../common/config/config-error.ts';
import { isLabel } from '../../common/names.ts';
import type { RevocationTarget } from '../client.ts';

const SERIAL = /^[0-9a-f]{8,40}$/i;

/** Reads `NAMESPACE/SERVICE` or a serial number. Throws ConfigError `value-malformed`. */
export function parseRevocationTarget(text: string): RevocationTarget {
  if (SERIAL.test(text)) return { kind: 'serial', serial: text.toLowerCase() };
  return parseIdentity(text);
}

/** Reads `NAMESPACE/SERVICE`. Throws ConfigError `value-malformed`. */
export function parseIdentity(text: string): RevocationTarget & { readonly kind: 'identity' } {
  const [namespace = '', service = '', ...rest] = text.split('/');
  if (isLabel(namespace) && isLabel(service) && rest.length === 0) {
    return { kind: 'identity', namespace, service };
  }
  const got = JSON.stringify(text.slice(0, 128));
  throw new ConfigError('value-malformed', `expected NAMESPACE/SERVICE, got ${got}`, {
    hint: 'as in shop/web; a certificate is named by its serial from `hauberk certs`',
  });
}
