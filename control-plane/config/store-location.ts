import { parseHostPort, type HostPort } from '../../common/config/address.ts';
import { ConfigError } from '../../common/config/config-error.ts';
import { valueType, type ValueType } from '../../common/config/values.ts';

/** Where all state of a control plane is. */
export type StoreLocation =
  | { readonly kind: 'sqlite'; readonly path: string }
  | {
      readonly kind: 'etcd';
      readonly addresses: readonly HostPort[];
      /** Nothing protects what is sent to it: for an etcd on the same host, or behind a proxy of its own. */
      readonly plaintext: boolean;
    };

/** As a setting. */
export const storeLocation: ValueType<StoreLocation> = valueType(
  'sqlite:FILE or etcd://HOST:PORT[,HOST:PORT…]',
  parseStoreLocation,
);

const PORT = 2379;

/**
 * Reads `sqlite:FILE`, `etcd://HOST[:PORT],HOST[:PORT]`, or the same with `etcd+plaintext:`.
 *
 * @returns undefined when the text does not have this form
 * @throws ConfigError for what is wrong with an address
 */
export function parseStoreLocation(text: string): StoreLocation | undefined {
  refuseUser(text);
  const [, path] = /^sqlite:([^\0]+)$/s.exec(text) ?? [];
  if (path !== undefined) return { kind: 'sqlite', path };
  const [, scheme, list = ''] = /^(etcd|etcd\+plaintext):\/\/([^/]+)\/?$/.exec(text) ?? [];
  if (scheme === undefined) return undefined;
  const addresses = list.split(',').map((one) => parseHostPort(withPort(one.trim())));
  const names = new Set(addresses.map(({ host, port }) => `${host} ${port}`));
  if (names.size < addresses.length) {
    throw new ConfigError('value-malformed', `expected each member of etcd once, got ${list}`);
  }
  return { kind: 'etcd', addresses, plaintext: scheme !== 'etcd' };
}

/** As in URLs of other programs. The sentence must not repeat it: it goes to the log. */
function refuseUser(text: string): void {
  if (!/^(?!sqlite:)[a-z+]+:\/\/.*@/is.test(text)) return;
  throw new ConfigError('value-malformed', 'expected no user and password in the address of etcd', {
    hint: 'name them with --store-user and --store-password-file',
  });
}

/** The port is etcd's own when none is given. */
function withPort(address: string): string {
  return /:\d+$/.test(address) ? address : `${address}:${PORT}`;
}

/** The longest prefix, in bytes: it is repeated in every condition and operation of a transaction. */
const MAX_PREFIX_BYTES = 256;

/** What the keys in etcd begin with, as a setting. */
export const storePrefix: ValueType<string> = valueType(
  `text of at most ${MAX_PREFIX_BYTES} bytes that ends in "/"`,
  (raw) => {
    const fits = /^[^\0]+\/$/.test(raw) && raw.isWellFormed();
    return fits && Buffer.byteLength(raw) <= MAX_PREFIX_BYTES ? raw : undefined;
  },
);
