import { X509Certificate } from 'node:crypto';
import { request, type RequestOptions } from 'node:https';
import { TLSSocket } from 'node:tls';
import { answerOf } from '../../common/network/bounded-answer.ts';
import type { MonotonicClock } from '../../common/clock.ts';
import { describeError } from '../../common/errors.ts';
import { parseSpiffeBundle, type SpiffeBundle } from '../../common/pki/spiffe-bundle.ts';
import { RecordWatch } from '../../common/tls/record-watch.ts';
import { FederationError } from './federation-error.ts';

/** What to fetch, and what to trust. */
export interface FetchBundleOptions {
  readonly url: string;
  readonly trustDomain: string;
  /** Undefined: what public authorities say (https_web, SPIFFE Federation section 5.2.1). */
  readonly endpoint?: {
    /** What the endpoint has to prove with a certificate below these roots (https_spiffe, 5.2.2). */
    readonly spiffeId: string;
    readonly roots: readonly X509Certificate[];
  };
  readonly clock: MonotonicClock;
  /** Ends the attempt. */
  readonly signal?: AbortSignal;
}

/** An operator waits for the first one, and a command waits for ten seconds. */
const TIMEOUT_MS = 5_000;

/** Hundreds of roots. */
const MAX_BYTES = 1024 * 1024;

/**
 * Fetches the bundle of a trust domain from its bundle endpoint. Redirects are not followed: they would
 * let another host than the named one answer.
 *
 * @throws FederationError `federation-unavailable`
 */
export async function fetchBundle(options: FetchBundleOptions): Promise<SpiffeBundle> {
  const { url, trustDomain } = options;
  try {
    return parseSpiffeBundle(await get(options), trustDomain);
  } catch (cause) {
    throw new FederationError(
      'federation-unavailable',
      `the bundle of ${trustDomain} cannot be fetched from ${url}: ${describeError(cause)}`,
      { cause },
    );
  }
}

function get({ url, endpoint, clock, signal }: FetchBundleOptions): Promise<string> {
  const trust: RequestOptions =
    endpoint === undefined
      ? {}
      : {
          ca: endpoint.roots.map(String),
          checkServerIdentity: (_host, { raw }) => wrongIdentity(raw, endpoint.spiffeId),
        };
  const headers = { accept: 'application/json' };
  // Without an agent nothing is resumed: a resumed session is not verified again.
  const call = request(url, { ...trust, headers, signal, agent: false, minVersion: 'TLSv1.2' });
  call.on('socket', (socket) => {
    if (socket instanceof TLSSocket) new RecordWatch(clock).dial(socket);
  });
  return answerOf(call, { clock, timeoutMs: TIMEOUT_MS, maxBytes: MAX_BYTES });
}

/** Exactly one URI, and the expected one; in the form that node:tls takes. */
function wrongIdentity(der: Buffer, expected: string): Error | undefined {
  const names = new X509Certificate(der).subjectAltName?.split(', ') ?? [];
  const uris = names.filter((name) => name.startsWith('URI:')).map((name) => name.slice(4));
  if (uris.length === 1 && uris[0] === expected) return undefined;
  return new Error(`expected the endpoint ${expected}, got ${uris.join(', ') || 'no identity'}`);
}
