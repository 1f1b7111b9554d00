import { EventEmitter } from 'node:events';
import {
  Server,
  status,
  type sendUnaryData,
  type ServerDuplexStream,
  type ServerUnaryCall,
} from '@grpc/grpc-js';
import { openCsr } from '../../../common/pki/csr.ts';
import { issueLeaf } from '../../../common/pki/leaf.ts';
import { parseSpiffeId } from '../../../common/pki/spiffe-id.ts';
import { toBundleMessage } from '../../../common/wire/bundle.ts';
import { callerOf, type Caller } from '../../../common/rpc/peer.ts';
import { rpcError } from '../../../common/rpc/reason.ts';
import type { Refusal } from '../../../common/rpc/rpc-error.ts';
import {
  HotServerCredentials,
  type ServerIdentity,
} from '../../../common/rpc/server-credentials.ts';
import {
  DiscoveryService,
  type Hello,
  type SyncRequest,
  type SyncResponse,
} from '../../../proto/gen/hauberk/v1/discovery.ts';
import {
  IdentityService,
  type IssueRequest,
  type IssueResponse,
} from '../../../proto/gen/hauberk/v1/identity.ts';
import { within } from '../deadline.ts';
import { freePort } from '../machine/free-port.ts';
import { createTestAuthority, type TestAuthority } from './test-authority.ts';

/** One Issue call, as the control plane of a test saw it. */
export interface SeenIssue {
  readonly request: IssueRequest;
  readonly caller: Caller;
}

/** One Sync stream, as the control plane of a test sees it. */
export interface SeenStream {
  readonly hello: Hello;
  readonly caller: Caller;
  /** Every message after Hello so far. */
  readonly requests: readonly SyncRequest[];
  send(response: SyncResponse): void;
  /** Resolves with the first message, past or future, of which this is true. */
  until(what: string, wanted: (request: SyncRequest) => boolean): Promise<SyncRequest>;
  /** Resolves when the sidecar has ended the stream. */
  readonly ended: Promise<void>;
  /** Breaks the stream off. */
  fail(): void;
}

/** What a test wants to be different. */
export interface TestControlPlaneOptions {
  readonly authority?: TestAuthority;
  /** By default one that no other test has. */
  readonly port?: number;
  /** What its certificate says, and which key goes with it. */
  readonly identity?: ServerIdentity;
  readonly leafLifetimeMs?: number;
  /** Its clock. */
  readonly now?: () => number;
}

/** A control plane that does what the test says: real gRPC over real TLS. */
export interface TestControlPlane extends AsyncDisposable {
  readonly authority: TestAuthority;
  readonly host: '127.0.0.1';
  readonly port: number;
  readonly credentials: HotServerCredentials;
  readonly issues: readonly SeenIssue[];
  /** Each Issue call is refused with it while it is set. */
  refusal: Refusal | undefined;
  /** Which calls are refused while that is not set. */
  refuses: (request: IssueRequest) => Refusal | undefined;
  /** Changes an answer before it is sent. */
  tamper: (response: IssueResponse) => IssueResponse;
  /** Resolves with the next Sync stream that was not handed out yet. */
  nextStream(): Promise<SeenStream>;
  /** Ends every connection at once, like a process that is killed. */
  stop(): Promise<void>;
}

/** What the control plane of this authority proves itself with. */
export function serverIdentity(
  authority: TestAuthority,
  service = 'control-plane',
): ServerIdentity {
  const { chain, privateKey } = authority.workload('hauberk', service);
  const root = authority.root.certificate;
  return { privateKey, chain: [...chain, root], roots: [root] };
}

/** Starts one on a free port, or on the one given. */
export async function startTestControlPlane(
  options: TestControlPlaneOptions = {},
): Promise<TestControlPlane> {
  const authority = options.authority ?? createTestAuthority();
  const now = options.now ?? Date.now;
  const lifetimeMs = options.leafLifetimeMs ?? 3_600_000;
  const credentials = new HotServerCredentials(options.identity ?? serverIdentity(authority));
  const issues: SeenIssue[] = [];
  const streams: SeenStream[] = [];
  const arrivals = new EventEmitter();
  const server = new Server();

  function issue(request: IssueRequest): IssueResponse {
    const leaf = issueLeaf(authority.issuer, {
      publicKey: openCsr(request.csr).publicKey,
      spiffeId: parseSpiffeId(request.spiffeId),
      nowMs: now(),
      lifetimeMs,
    });
    return controlPlane.tamper({
      chain: [leaf.raw, authority.issuer.certificate.raw],
      bundle: toBundleMessage(authority.bundle),
      serverTimeMs: now(),
    });
  }

  server.addService(IdentityService, {
    issue(
      call: ServerUnaryCall<IssueRequest, IssueResponse>,
      callback: sendUnaryData<IssueResponse>,
    ) {
      const { request } = call;
      issues.push({ request, caller: callerOf(call, now()) });
      const refusal = controlPlane.refusal ?? controlPlane.refuses(request);
      if (refusal === undefined) callback(null, issue(request));
      else {
        const details = { hint: `what to do about ${refusal}`, serverTimeMs: now() };
        callback(rpcError(status.PERMISSION_DENIED, refusal, `refused: ${refusal}`, details));
      }
    },
  });
  server.addService(DiscoveryService, {
    sync(call: ServerDuplexStream<SyncRequest, SyncResponse>) {
      const caller = callerOf(call, now());
      call.once('data', ({ message }: SyncRequest) => {
        if (message?.$case !== 'hello') throw new Error('expected Hello first');
        streams.push(seenStream(call, message.value, caller));
        arrivals.emit('stream');
      });
      call.on('error', () => {});
    },
  });
  // Where it has stopped nobody else may answer: not a port of the system's.
  const own = options.port ?? (await freePort());
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync(`127.0.0.1:${own}`, credentials, (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  const controlPlane: TestControlPlane = {
    authority,
    host: '127.0.0.1',
    port,
    credentials,
    issues,
    refusal: undefined,
    refuses: () => undefined,
    tamper: (response) => response,
    async nextStream() {
      const arrival = async (): Promise<SeenStream> => {
        for (;;) {
          const stream = streams.shift();
          if (stream !== undefined) return stream;
          await new Promise((resolve) => arrivals.once('stream', resolve));
        }
      };
      return within('a Sync stream', arrival());
    },
    stop: async () => server.forceShutdown(),
    [Symbol.asyncDispose]: async () => server.forceShutdown(),
  };
  return controlPlane;
}

function seenStream(
  call: ServerDuplexStream<SyncRequest, SyncResponse>,
  hello: Hello,
  caller: Caller,
): SeenStream {
  const requests: SyncRequest[] = [];
  const news = new EventEmitter();
  const ended = new Promise<void>((resolve) => {
    call.once('cancelled', () => resolve());
    call.once('end', () => resolve());
  });
  call.on('data', (request: SyncRequest) => {
    requests.push(request);
    news.emit('request');
  });
  return {
    hello,
    caller,
    requests,
    ended,
    send: (response) => void call.write(response),
    fail: () =>
      void call.emit('error', rpcError(status.UNAVAILABLE, 'unavailable', 'it goes away')),
    until: (what, wanted) =>
      within(
        what,
        new Promise((resolve) => {
          const look = (): void => {
            const found = requests.find(wanted);
            if (found === undefined) return;
            news.off('request', look);
            resolve(found);
          };
          news.on('request', look);
          look();
        }),
      ),
  };
}
