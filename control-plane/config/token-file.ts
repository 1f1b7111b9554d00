import { ConfigError } from '../../common/config/config-error.ts';
import { isLabel } from '../../common/names.ts';
import { SYSTEM_NAMESPACE } from '../../common/pki/spiffe-id.ts';

/** A file that is to hold a join token for one identity at all times. */
export interface TokenFileOrder {
  readonly namespace: string;
  readonly service: string;
  readonly path: string;
}

/**
 * Reads `NAMESPACE/SERVICE=FILE`.
 *
 * @returns undefined when the text does not have this form
 * @throws ConfigError `value-malformed` for a namespace in which nothing can be enrolled
 */
export function parseTokenFileOrder(text: string): TokenFileOrder | undefined {
  const [, namespace = '', service = '', path = ''] =
    /^([^/=]+)\/([^/=]+)=([^\0]+)$/.exec(text) ?? [];
  if (!isLabel(namespace) || !isLabel(service)) return undefined;
  if (namespace === SYSTEM_NAMESPACE) {
    const sentence = `the namespace ${SYSTEM_NAMESPACE} belongs to the mesh itself; nothing can be enrolled in it`;
    throw new ConfigError('value-malformed', sentence, { hint: 'choose another namespace' });
  }
  return { namespace, service, path };
}
