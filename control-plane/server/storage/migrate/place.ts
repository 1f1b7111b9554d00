import type { Logger } from 'pino';
import { resolve } from 'node:path';
import type { Clock } from '../../../../common/clock.ts';
import { formatHostPort } from '../../../../common/network/listen.ts';
import type { StoreLocation } from '../../../config/store-location.ts';
import { openEtcdStore, type EtcdStore } from '../../../store/etcd/etcd-store.ts';
import { StoreError } from '../../../store/store-error.ts';
import type { Store } from '../../../store/store.ts';
import { isPresence } from '../copy-store.ts';
import { etcdUser, readEtcdTls, type EtcdSettings } from '../etcd-access.ts';

/** What opening either store takes. */
export interface PlaceOptions {
  readonly etcd: EtcdSettings;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** The store in a sentence, as `--store` names it. */
export function nameOfPlace(location: StoreLocation, { storePrefix }: EtcdSettings): string {
  if (location.kind === 'sqlite') return `sqlite:${resolve(location.path)}`;
  const scheme = location.plaintext ? 'etcd+plaintext' : 'etcd';
  const members = location.addresses.map(({ host, port }) => formatHostPort(host, port));
  return `${scheme}://${members.join(',')} (${storePrefix})`;
}

/** Opens the store in etcd. @throws ConfigError, StoreError */
export function openEtcdPlace(
  location: Extract<StoreLocation, { kind: 'etcd' }>,
  { etcd, clock, logger }: PlaceOptions,
  begin: { readonly mustExist: true } | { readonly revisionOffset: number },
): Promise<EtcdStore> {
  return openEtcdStore({
    addresses: location.addresses,
    tls: readEtcdTls(etcd, location),
    user: etcdUser(etcd),
    prefix: etcd.storePrefix,
    clock,
    logger,
    ...begin,
  });
}

/** Throws StoreError `locked` while a control plane runs on the store. */
export async function requireNoControlPlane(store: Store, name: string): Promise<void> {
  const { entries } = await store.range('');
  if (!entries.some(({ key }) => isPresence(key))) return;
  throw new StoreError('locked', `a control plane uses ${name}`, {
    hint: 'stop every control plane on it; one that was killed counts for 9 s more',
  });
}
