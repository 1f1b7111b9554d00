import { X509Certificate, type KeyObject } from 'node:crypto';
import { isIPv4, isIPv6 } from 'node:net';
import { createSecureContext } from 'node:tls';
import {
  Channel,
  Client,
  connectivityState,
  credentials,
  Metadata,
  type ChannelCredentials,
  type ChannelOptions,
  type ClientOptions,
} from '@grpc/grpc-js';
import type { HostPort } from '../config/address.ts';
import type { Closeable } from '../lifecycle.ts';
import { formatHostPort } from '../network/listen.ts';
import { peerSpiffeId } from '../pki/peer.ts';
import { controlPlaneId } from '../pki/spiffe-id.ts';
import { secureContextOptions, TLS_OPTIONS } from '../pki/tls-options.ts';
import { trackSockets, verifySockets } from './channel-sockets.ts';
import { toRpcError } from './grpc-failure.ts';
import { ignoreError } from '../ignored.ts';
import { requirePinned, type PinnedTrust } from './pin.ts';
import { RpcError } from './rpc-error.ts';
import { systemClock } from '../clock.ts';

/** Where a control plane is, how it must prove itself, and how the caller does. */
export interface ChannelSettings {
  readonly address: HostPort;
  /** The server must show the control-plane identity of this trust domain. */
  readonly trustDomain: string;
  readonly roots: readonly X509Certificate[];
  /** In place of roots, on first contact: `requirePinned` verifies the server before anything is sent. */
  readonly pinned?: PinnedTrust;
  /** Without it the caller is anonymous: for first contact only. */
  readonly identity?: {
    readonly privateKey: KeyObject;
    /** Leaf first. */
    readonly chain: readonly X509Certificate[];
  };
  /** Between two PINGs while a call is open; default 10 s. */
  readonly keepaliveMs?: number;
  /** Without an answer to a PING for so long the connection is given up; default 5 s. */
  readonly keepaliveTimeoutMs?: number;
}

type ResponseOf<Codec extends readonly [unknown, unknown, (bytes: Buffer) => unknown]> = ReturnType<
  Codec[2]
>;

/** The class of a generated client. */
type ClientClass<Client> = new (
  address: string,
  channelCredentials: ChannelCredentials,
  options: Partial<ClientOptions>,
) => Client;

/** A method of a generated service. */
export interface UnaryMethod<Request, Response> {
  readonly path: string;
  readonly requestSerialize: (request: Request) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => Response;
}

/** One connection to the control plane, made when it is first used. */
export interface ControlPlaneChannel extends Closeable {
  /** Connects; false when that has failed, or takes longer than this. Nothing is sent yet. */
  connects(timeoutMs: number): Promise<boolean>;
  /** A client of a service on this connection. Its calls fail at once while there is none. */
  client<Client>(constructor: ClientClass<Client>): Client;
  /** Makes a call; rejects with an RpcError. */
  call<Request, Response>(
    method: UnaryMethod<Request, Response>,
    request: Request,
    bounds: { readonly timeoutMs: number; readonly signal?: AbortSignal },
  ): Promise<Response>;
  /**
   * Makes a call that is answered with one message after the other, until it ends or the signal is aborted. Throws
   * an RpcError.
   */
  stream<Request, Response>(
    method: UnaryMethod<Request, Response>,
    request: Request,
    signal: AbortSignal,
  ): AsyncIterable<Response>;
  /** Translates what a call on this connection failed with. */
  explain(error: unknown): RpcError;
  /** Ends the connection; open calls fail with `cancelled`. */
  close(): void;
}

const KEEPALIVE_MS = 10_000;
const KEEPALIVE_TIMEOUT_MS = 5_000;

/**
 * Where another control plane can be called instead: one that is stopped, or behind a partition, and says nothing, is
 * noticed within two seconds.
 */
export const QUICK_KEEPALIVE = { keepaliveMs: 1_000, keepaliveTimeoutMs: 1_000 } as const;

/**
 * A connection without a call is ended by the client, and made again for the next one. The control plane ends one that is
 * idle for twice as long: it never does so just when a call is on its way, which would fail for no reason.
 */
export const CLIENT_IDLE_MS = 30_000;

/** A snapshot of 50,000 endpoints has some 8 MB; grpc-js would stop at 4. */
const MAX_MESSAGE_BYTES = 64 * 1024 * 1024;

/**
 * Opens a channel to a control plane: TLS 1.3, no resumption, and the server is known by the SPIFFE
 * ID in its certificate, whatever name or address it was dialled by.
 *
 * A channel keeps the certificate that it was made with: make another one after a renewal.
 */
export function createChannel(settings: ChannelSettings): ControlPlaneChannel {
  const { address, identity, pinned, roots, trustDomain } = settings;
  const { host, port } = address;
  const hostPort = formatHostPort(host, port);
  const target = `the control plane at ${hostPort}`;
  let imposter: RpcError | undefined;
  const secureContext = createSecureContext(
    identity === undefined
      ? { ...TLS_OPTIONS, ca: roots.map(String) }
      : secureContextOptions({ ...identity, roots }),
  );
  const channelCredentials = credentials.createFromSecureContext(secureContext, {
    // Without a root OpenSSL trusts nothing, and `verifySockets` decides.
    ...(pinned && { rejectUnauthorized: false }),
    // Node calls this only for a chain that it has verified, and never for a resumed session; there
    // are none here, because neither side issues or keeps tickets.
    checkServerIdentity: (_name, { raw }) => {
      imposter = checkControlPlane(new X509Certificate(raw), trustDomain, target);
      return imposter;
    },
  });
  if (pinned !== undefined) {
    verifySockets(channelCredentials, (socket) => {
      imposter = undefined;
      try {
        imposter = checkControlPlane(requirePinned(socket, pinned, target), trustDomain, target);
      } catch (error) {
        imposter = toRpcError(error, target);
      }
      if (imposter !== undefined) throw imposter;
    });
  }
  const sockets = trackSockets(channelCredentials);
  const authority = controlPlaneId(trustDomain).service;
  const scheme = isIPv4(host) ? 'ipv4' : isIPv6(host) ? 'ipv6' : 'dns';
  const channel = new Channel(`${scheme}:${hostPort}`, channelCredentials, {
    // An IP address is not a valid server name, and Node refuses to send one.
    'grpc.ssl_target_name_override': authority,
    'grpc.default_authority': authority,
    'grpc.keepalive_time_ms': settings.keepaliveMs ?? KEEPALIVE_MS,
    'grpc.keepalive_timeout_ms': settings.keepaliveTimeoutMs ?? KEEPALIVE_TIMEOUT_MS,
    'grpc.max_receive_message_length': MAX_MESSAGE_BYTES,
    ...FIXED_OPTIONS,
  });
  const client = <Service>(constructor: ClientClass<Service>): Service =>
    new constructor(hostPort, channelCredentials, { channelOverride: channel });
  const explain = (error: unknown): RpcError => imposter ?? toRpcError(error, target);
  return {
    client,
    async connects(timeoutMs) {
      const deadline = systemClock.epochMs() + timeoutMs;
      for (;;) {
        const state = channel.getConnectivityState(true);
        if (state === connectivityState.READY) return true;
        if (state === connectivityState.TRANSIENT_FAILURE) return false;
        const { promise, resolve } = Promise.withResolvers<boolean>();
        channel.watchConnectivityState(state, deadline, (error) => resolve(error === undefined));
        if (!(await promise)) return false;
      }
    },
    call: ({ path, requestSerialize, responseDeserialize }, request, { timeoutMs, signal }) =>
      new Promise((resolve, reject) => {
        const codec = [path, requestSerialize, responseDeserialize] as const;
        // A date of the machine's clock, whatever clock the caller runs on; it is turned into a duration at once.
        const options = { deadline: systemClock.epochMs() + timeoutMs };
        const running = client(Client).makeUnaryRequest(
          ...codec,
          request,
          new Metadata(),
          options,
          (error, response) => {
            signal?.removeEventListener('abort', onAbort);
            if (error === null && response !== undefined) resolve(response);
            else reject(explain(error));
          },
        );
        const onAbort = (): void => running.cancel();
        signal?.addEventListener('abort', onAbort, { once: true });
        if (signal?.aborted === true) onAbort();
      }),
    async *stream({ path, requestSerialize, responseDeserialize }, request, signal) {
      const codec = [path, requestSerialize, responseDeserialize] as const;
      const running = client(Client).makeServerStreamRequest(...codec, request, new Metadata());
      // Without a listener of its own the end of it would be an unhandled error.
      running.on('error', ignoreError);
      const onAbort = (): void => running.cancel();
      signal.addEventListener('abort', onAbort, { once: true });
      if (signal.aborted) onAbort();
      try {
        for await (const response of running as AsyncIterable<ResponseOf<typeof codec>>) {
          yield response;
        }
      } catch (error) {
        if (!signal.aborted) throw explain(error);
      } finally {
        signal.removeEventListener('abort', onAbort);
        running.cancel();
      }
    },
    explain,
    close() {
      channel.close();
      sockets.end();
    },
  };
}

const FIXED_OPTIONS: ChannelOptions = {
  // The process may have HTTP_PROXY set for its own purposes; the mesh does not go through it.
  'grpc.enable_http_proxy': 0,
  // A shared connection would outlive the channel, and with it the certificate.
  'grpc.use_local_subchannel_pool': 1,
  'grpc.service_config_disable_resolution': 1,
  'grpc.client_idle_timeout_ms': CLIENT_IDLE_MS,
  // The callers retry by their own schedule.
  'grpc.enable_retries': 0,
};

function checkControlPlane(
  certificate: X509Certificate,
  trustDomain: string,
  target: string,
): RpcError | undefined {
  const expected = controlPlaneId(trustDomain).uri;
  try {
    const got = peerSpiffeId(certificate).uri;
    if (got === expected) return undefined;
    return new RpcError('server-identity', `${target} must be ${expected}, but it is ${got}`, {
      hint: 'check that it is the control plane of this mesh, and the trust domain',
    });
  } catch (cause) {
    const sentence = `${target} shows a certificate without one SPIFFE ID`;
    return new RpcError('server-identity', sentence, { cause });
  }
}
