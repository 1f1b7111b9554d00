import { isIP, isIPv4 } from 'node:net';
import { checkServerIdentity, createSecureContext } from 'node:tls';
import { Client, credentials, type ChannelCredentials, type ChannelOptions } from '@grpc/grpc-js';
import type { HostPort } from '../../../common/config/address.ts';
import type { Closeable } from '../../../common/lifecycle.ts';
import { formatHostPort } from '../../../common/network/listen.ts';
import { Listeners } from '../../../common/listeners.ts';

/** How the members prove themselves, and this control plane to them: texts in PEM. */
export interface EtcdTls {
  /** Who signs the certificates of the members; without it, the authorities that Node.js knows. */
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

/** One process of the etcd cluster. */
export interface Member {
  /** As HOST:PORT. */
  readonly name: string;
  /** Its connection, made when it is first used and again when it was lost. */
  readonly client: Client;
}

/** etcd ends a connection with PINGs that are less than 5 s apart. */
const KEEPALIVE_MS = 10_000;
const KEEPALIVE_TIMEOUT_MS = 3_000;

/** A member that comes back is found within this time. */
const MAX_RECONNECT_MS = 1_000;

const CHANNEL_OPTIONS: ChannelOptions = {
  'grpc.enable_http_proxy': 0,
  'grpc.use_local_subchannel_pool': 1,
  'grpc.service_config_disable_resolution': 1,
  // Which calls are made again, and where, is decided here.
  'grpc.enable_retries': 0,
  'grpc.keepalive_time_ms': KEEPALIVE_MS,
  'grpc.keepalive_timeout_ms': KEEPALIVE_TIMEOUT_MS,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': MAX_RECONNECT_MS,
  // A page of a range, or the changes of one transaction: what is in the store has passed our own limits.
  'grpc.max_receive_message_length': -1,
};

/**
 * The members of the cluster, of which one is in use: they all know the same, and when the one that is in
 * use fails, the next one is used. Their order is the operator's, who may name a near one first.
 */
export class Members implements Closeable {
  readonly #addresses: readonly HostPort[];
  readonly #moves = new Listeners<[Member]>();
  #members: readonly Member[];
  #index = 0;

  /** @param tls undefined: in plaintext */
  constructor(addresses: readonly HostPort[], tls: EtcdTls | undefined) {
    this.#addresses = addresses;
    this.#members = addresses.map((address) => connect(address, tls));
  }

  /** From now on every connection is made with these files; those that are there end. */
  reload(tls: EtcdTls | undefined): void {
    const before = this.#members;
    // Throws when they cannot be used: then those of before stay.
    this.#members = this.#addresses.map((address) => connect(address, tls));
    for (const member of before) this.#moves.tell(member);
    for (const { client } of before) client.close();
  }

  get count(): number {
    return this.#members.length;
  }

  /** All of them, for a sentence. */
  get names(): string {
    return this.#members.map(({ name }) => name).join(', ');
  }

  /** The one in use. */
  get current(): Member {
    const member = this.#members[this.#index];
    if (member === undefined) throw new TypeError('etcd has no members');
    return member;
  }

  /** False for a member whose connection was replaced by `reload`. */
  has(member: Member): boolean {
    return this.#members.includes(member);
  }

  /** Calls back with a member that is not in use any more; returns the function that ends it. */
  get onMove(): (listener: (left: Member) => void) => () => void {
    return this.#moves.add;
  }

  /** The member did not answer, or not as a part of a cluster that has a leader: the next one is used. */
  failed(member: Member): void {
    if (this.count === 1 || member !== this.current) return;
    this.#index = (this.#index + 1) % this.count;
    this.#moves.tell(member);
  }

  close(): void {
    for (const { client } of this.#members) client.close();
  }
}

function connect({ host, port }: HostPort, tls: EtcdTls | undefined): Member {
  const name = formatHostPort(host, port);
  const scheme = isIPv4(host) ? 'ipv4' : isIP(host) === 6 ? 'ipv6' : 'dns';
  // An IP address is not a valid server name, and Node refuses to send one.
  const named = tls !== undefined && isIP(host) !== 0;
  const options = named
    ? { ...CHANNEL_OPTIONS, 'grpc.ssl_target_name_override': 'etcd' }
    : CHANNEL_OPTIONS;
  return { name, client: new Client(`${scheme}:${name}`, credentialsOf(host, tls), options) };
}

function credentialsOf(host: string, tls: EtcdTls | undefined): ChannelCredentials {
  if (tls === undefined) return credentials.createInsecure();
  const context = createSecureContext({ ...tls, minVersion: 'TLSv1.2' });
  return credentials.createFromSecureContext(context, {
    // By the address that the operator gave, whatever name was sent.
    checkServerIdentity: (_name, certificate) => checkServerIdentity(host, certificate),
  });
}
