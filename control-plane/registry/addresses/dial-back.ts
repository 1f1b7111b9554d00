import { connect as connectTcp } from 'node:net';
import { connect as connectTls, createSecureContext } from 'node:tls';
import type { KeyObject, X509Certificate } from 'node:crypto';
import type { MonotonicClock } from '../../../common/clock.ts';
import { isCostlyChain } from '../../../common/costly-certificates.ts';
import { KeyedBuckets } from '../../../common/keyed-buckets.ts';
import { peerSpiffeId } from '../../../common/pki/peer.ts';
import type { RevocationList } from '../../../common/pki/revocation.ts';
import { secureContextOptions } from '../../../common/pki/tls-options.ts';
import { peerRootsOf, type TrustBundle } from '../../../common/pki/trust-bundle.ts';
import type { Rate } from '../../../common/rate-limit.ts';
import { RecordWatch } from '../../../common/tls/record-watch.ts';

/** Where an identity says that it is. */
export interface DialBackTarget {
  readonly spiffeId: string;
  readonly address: string;
  readonly hbonePort: number;
}

/** Finds out whether an identity is where it says; never rejects. */
export type DialBack = (target: DialBackTarget) => Promise<boolean>;

/** What dialling back takes. */
export interface DialBackOptions {
  /** Leaf first, and what leads to the root. */
  readonly identity: () => {
    readonly privateKey: KeyObject;
    readonly chain: readonly X509Certificate[];
  };
  readonly bundle: () => TrustBundle;
  readonly revocations: () => RevocationList;
  readonly clock: MonotonicClock;
}

/** Includes the TCP and the TLS handshake; a SYN that is lost once is within it. */
const DIAL_TIMEOUT_MS = 3_000;

/** A hello, the names of our roots, a certificate with its issuers. */
const USUAL_BYTES = 16 * 1024;

/** Dials for one identity that found certificates which cost us up to 0.4 s. */
const COSTLY_RATE: Rate = { burst: 1, perSecond: 1 / 60 };

/** For what is on its way. */
const END_TIMEOUT_MS = 1_000;

/** Of HBONE: a server without it is none of ours. */
const ALPN = 'h2';

/**
 * Makes the dialling side. It shows the control plane's certificate, so that a sidecar takes it for no
 * intruder, requires the SPIFFE ID that was claimed, and hangs up without having sent anything.
 */
export function createDialBack(options: DialBackOptions): DialBack {
  const { identity, bundle, revocations, clock } = options;
  const costly = new KeyedBuckets(clock, COSTLY_RATE);
  return ({ spiffeId, address, hbonePort }) => {
    if (costly.left(spiffeId) < 1) return Promise.resolve(false);
    const { promise, resolve } = Promise.withResolvers<boolean>();
    const roots = peerRootsOf(bundle());
    const tcp = connectTcp({ host: address, port: hbonePort, noDelay: true });
    const socket = connectTls({
      socket: tcp,
      secureContext: createSecureContext(secureContextOptions({ ...identity(), roots })),
      ALPNProtocols: [ALPN],
      rejectUnauthorized: false,
      // The identity is in the URI; the address is not part of the name.
      checkServerIdentity: () => undefined,
    });
    new RecordWatch(clock).dial(socket);
    const timer = clock.after(DIAL_TIMEOUT_MS, () => resolve(false));
    tcp.on('error', () => resolve(false));
    socket.on('error', () => {
      // What was in it is unknown.
      if (tcp.bytesRead > USUAL_BYTES) costly.take(spiffeId);
      resolve(false);
    });
    socket.on('close', () => resolve(false));
    socket.once('secureConnect', () => {
      const certificate = socket.getPeerX509Certificate();
      if (isCostlyChain(certificate)) costly.take(spiffeId);
      const isFound =
        socket.authorized &&
        socket.alpnProtocol === ALPN &&
        certificate !== undefined &&
        isIdentity(certificate, spiffeId) &&
        revocations().find(spiffeId, certificate) === undefined;
      resolve(isFound);
    });
    return promise.finally(() => {
      // An orderly end, so that a sidecar counts no handshake that broke off.
      const ending = clock.after(END_TIMEOUT_MS, () => tcp.destroy());
      tcp.once('close', () => ending.cancel());
      timer.cancel();
      if (socket.connecting || tcp.connecting) tcp.destroy();
      else socket.end();
    });
  };
}

function isIdentity(certificate: X509Certificate, spiffeId: string): boolean {
  try {
    return peerSpiffeId(certificate).uri === spiffeId;
  } catch {
    return false;
  }
}
