import { X509Certificate, type KeyObject } from 'node:crypto';
import type { ClientHttp2Session } from 'node:http2';
import { createSecureContext, type SecureContext } from 'node:tls';
import { systemClock } from '../../../common/clock.ts';
import { createCsr } from '../../../common/pki/csr.ts';
import { parseJoinToken } from '../../../common/pki/join-token/join-token.ts';
import { generatePrivateKey } from '../../../common/pki/key.ts';
import { spiffeId } from '../../../common/pki/spiffe-id.ts';
import { secureContextOptions, TLS_OPTIONS } from '../../../common/pki/tls-options.ts';
import { RpcError } from '../../../common/rpc/rpc-error.ts';
import {
  IdentityService,
  IssueRequest,
  IssueResponse,
} from '../../../proto/gen/hauberk/v1/identity.ts';
import type { ServicePlan, SimulatorPlan } from './orders.ts';
import { callOnce, openSession } from './grpc.ts';

/** As long as a sidecar waits. */
const TRY_TIMEOUT_MS = 5_000;
const CALL_TIMEOUT_MS = 10_000;

/** For what is verified after the handshake. */
const TRUSTS_NOBODY = createSecureContext({ ...TLS_OPTIONS, ca: [] });

/** Making a key takes as long as signing a certificate, and the control plane does not see which one it is. */
const KEYS = Array.from({ length: 16 }, () => {
  const privateKey = generatePrivateKey();
  return { privateKey, csr: createCsr(privateKey) };
});

/** One TLS connection to the control plane, the certificate that it is made with, and what comes next. */
export class SimulatedConnection {
  readonly service: ServicePlan;
  readonly #plan: SimulatorPlan;
  readonly #uri: string;
  #identity: Issued | undefined;
  #next: Issued | undefined;
  #session: ClientHttp2Session | undefined;
  #opening: Promise<ClientHttp2Session> | undefined;
  #keyAt = 0;

  constructor(plan: SimulatorPlan, service: ServicePlan) {
    const { trustDomain, namespace } = plan;
    this.service = service;
    this.#plan = plan;
    this.#uri = spiffeId({ trustDomain, namespace, service: service.name }).uri;
  }

  /** The connection that is open, if there is one. */
  get session(): ClientHttp2Session | undefined {
    return this.#session;
  }

  /** First contact, as a sidecar makes it: pins the root, and asks over the same connection. @throws RpcError */
  async enrol(): Promise<void> {
    const { host, port, trustDomain } = this.#plan;
    const { token } = this.service;
    const { rootDigest } = parseJoinToken(token);
    const session = await openSession({
      host,
      port,
      trustDomain,
      context: TRUSTS_NOBODY,
      pinned: { rootDigest, clock: systemClock },
      timeoutMs: TRY_TIMEOUT_MS,
    });
    try {
      this.#identity = await this.#issue(session, token);
    } finally {
      session.close();
    }
  }

  /** The connection; opened when there is none. @throws RpcError */
  async open(): Promise<ClientHttp2Session> {
    if (this.#session !== undefined) return this.#session;
    this.#opening ??= this.#connect().finally(() => (this.#opening = undefined));
    return await this.#opening;
  }

  /** The next certificate, over the connection that is there. @throws RpcError */
  async renew(): Promise<void> {
    this.#next = await this.#issue(await this.open(), '');
  }

  /** Makes the next call of `open` connect with the next certificate. @returns the connection before */
  turn(): ClientHttp2Session | undefined {
    const before = this.#session;
    this.#identity = this.#next ?? this.#identity;
    this.#next = undefined;
    this.#session = undefined;
    return before;
  }

  /** A PING, as sidecars send them. */
  ping(): void {
    const session = this.#session;
    if (session !== undefined && !session.closed) session.ping(() => undefined);
  }

  async #connect(): Promise<ClientHttp2Session> {
    const { host, port, trustDomain } = this.#plan;
    if (this.#identity === undefined)
      throw new RpcError('credentials-invalid', 'it is not enrolled');
    const session = await openSession({
      host,
      port,
      trustDomain,
      context: contextOf(this.#identity),
      timeoutMs: CALL_TIMEOUT_MS,
    });
    this.#session = session;
    const lost = (): void => {
      if (this.#session === session) this.#session = undefined;
    };
    session.once('goaway', lost);
    session.once('close', lost);
    return session;
  }

  async #issue(session: ClientHttp2Session, joinToken: string): Promise<Issued> {
    const key = KEYS[(this.#keyAt += 1) % KEYS.length];
    if (key === undefined) throw new TypeError('expected a key');
    const { csr, privateKey } = key;
    const request = { csr, joinToken, spiffeId: this.#uri, lifetimeSeconds: 0 };
    const { path } = IdentityService.issue;
    const bytes = IssueRequest.encode(request).finish();
    const answer = IssueResponse.decode(await callOnce(session, path, bytes, CALL_TIMEOUT_MS));
    return { privateKey, answer };
  }
}

/** A certificate, as it came, and its key. */
interface Issued {
  readonly privateKey: KeyObject;
  readonly answer: IssueResponse;
}

/** Made when a connection needs it: a real sidecar does this on its own host. */
function contextOf({ privateKey, answer }: Issued): SecureContext {
  const chain = answer.chain.map((der) => new X509Certificate(der));
  const roots = (answer.bundle?.roots ?? []).map((der) => new X509Certificate(der));
  return createSecureContext(secureContextOptions({ privateKey, chain, roots }));
}
