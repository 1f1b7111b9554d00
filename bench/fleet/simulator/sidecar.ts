import type { ClientHttp2Session } from 'node:http2';
import { fullJitterMs } from '../../../common/backoff.ts';
import { systemClock } from '../../../common/clock.ts';
import { RpcError } from '../../../common/rpc/rpc-error.ts';
import {
  DiscoveryService,
  type Interest,
  SyncRequest,
  SyncResponse,
} from '../../../proto/gen/hauberk/v1/discovery.ts';
import type { SimulatedConnection } from './connection.ts';
import { openCall, retryAfterMs, type MessageStream } from './grpc.ts';
import { SimulatedTraffic, type SimulatedEdges } from './traffic.ts';

/** What all sidecars of a simulator share. */
export interface SidecarEvents {
  /** A message came in. */
  readonly onMessage: (sidecar: SimulatedSidecar, response: SyncResponse, bytes: number) => void;
  /** Its stream was answered. */
  readonly onConnected: (sidecar: SimulatedSidecar) => void;
  /** Its stream ended, or could not be opened: it tries again. */
  readonly onFailed: (sidecar: SimulatedSidecar, error: RpcError) => void;
}

/** The backoff of a sidecar (`proxy/discovery/sync/connection.ts`). */
const BACKOFF = { baseMs: 500, capMs: 10_000 };
/** A control plane that takes the stream and then says nothing is as good as none. */
const ANSWER_TIMEOUT_MS = 10_000;
const HBONE_PORT = 15_008;

/** One Sync stream and what a sidecar does with it, without a view: messages are acknowledged and counted. */
export class SimulatedSidecar {
  readonly instanceId: string;
  readonly address: string;
  readonly connection: SimulatedConnection;
  readonly #events: SidecarEvents;
  readonly #interest: Interest | undefined;
  readonly #traffic: SimulatedTraffic;
  #port: number;
  #version = 0;
  #bundleVersion = 0;
  #stream: MessageStream | undefined;
  #failures = 0;
  #closed = false;

  constructor(
    place: {
      readonly instanceId: string;
      readonly address: string;
      readonly port: number;
      /** What it asks to be told of; undefined: everything. */
      readonly interest: Interest | undefined;
      /** What it reports of while an operator looks. */
      readonly edges: SimulatedEdges;
    },
    connection: SimulatedConnection,
    events: SidecarEvents,
  ) {
    this.instanceId = place.instanceId;
    this.address = place.address;
    this.#port = place.port;
    this.#interest = place.interest;
    this.#traffic = new SimulatedTraffic(place.edges);
    this.connection = connection;
    this.#events = events;
  }

  /** A stream is open and was answered. */
  get connected(): boolean {
    return this.#stream !== undefined;
  }

  /** Connects, and again whenever it has to. Resolves after the first try. */
  async connect(): Promise<void> {
    try {
      await this.#open(await this.connection.open());
    } catch (error) {
      this.#retry(asRpcError(error));
    }
  }

  /** Says Hello with another port, on a stream that takes the place of the present one. @throws RpcError */
  async move(port: number): Promise<number> {
    this.#port = port;
    return await this.#open(await this.connection.open());
  }

  close(): void {
    this.#closed = true;
    this.#stream?.close();
  }

  /** Resolves when it was answered: when the Hello was sent, by `process.hrtime`. */
  async #open(session: ClientHttp2Session): Promise<number> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const timer = systemClock.after(ANSWER_TIMEOUT_MS, () => {
      stream.close();
      reject(new RpcError('timeout', 'the Sync stream was not answered in time'));
    });
    let answered = false;
    const stream = openCall(session, DiscoveryService.sync.path, {
      onMessage: (bytes) => {
        const response = SyncResponse.decode(bytes);
        this.#take(stream, response);
        this.#events.onMessage(this, response, bytes.length);
        if (answered) return;
        answered = true;
        resolve();
      },
      onEnd: (error = new RpcError('unreachable', 'the Sync stream was ended')) => {
        if (!answered) reject(error);
        else if (this.#stream === stream) {
          this.#stream = undefined;
          this.#traffic.stop();
          this.#retry(error);
        }
      },
    });
    const sentMs = Number(process.hrtime.bigint() / 1_000n) / 1000;
    stream.write(SyncRequest.encode(this.#hello()).finish());
    try {
      await promise;
    } finally {
      timer.cancel();
    }
    const before = this.#stream;
    this.#stream = stream;
    before?.close();
    if (this.#closed) stream.close();
    this.#failures = 0;
    stream.write(REPORT);
    this.#events.onConnected(this);
    return sentMs;
  }

  #hello(): SyncRequest {
    return {
      message: {
        $case: 'hello',
        value: {
          instanceId: this.instanceId,
          addresses: [this.address],
          hbonePort: HBONE_PORT,
          ports: [this.#port],
          anyPort: false,
          // A view of everything: there is none where an interest is named.
          resumeVersion: this.#interest === undefined ? this.#version : 0,
          interest: this.#interest,
          interestVersion: this.#interest === undefined ? 0 : this.#version,
          softwareVersion: '1.0.0',
          questionLevel: 0,
          localAllow: { allowances: [] },
          metrics: undefined,
          role: 'sidecar',
        },
      },
    };
  }

  #take(stream: MessageStream, { change, version }: SyncResponse): void {
    if (change?.$case === 'watch') this.#traffic.asked(change.value, stream);
    if (change?.$case !== 'snapshot' && change?.$case !== 'delta') return;
    this.#version = Math.max(this.#version, version);
    const bundleVersion = change.value.bundle?.version ?? 0;
    this.#bundleVersion = Math.max(this.#bundleVersion, bundleVersion);
    const acknowledgement = { version: this.#version, bundleVersion: this.#bundleVersion };
    stream.write(
      SyncRequest.encode({
        message: { $case: 'acknowledgement', value: acknowledgement },
      }).finish(),
    );
  }

  #retry(error: RpcError): void {
    if (this.#closed) return;
    this.#failures += 1;
    this.#events.onFailed(this, error);
    const delayMs = Math.max(fullJitterMs(this.#failures, BACKOFF), retryAfterMs(error));
    systemClock.after(delayMs, () => {
      if (!this.#closed && !this.connected) void this.connect();
    });
  }
}

const REPORT = SyncRequest.encode({
  message: {
    $case: 'report',
    value: {
      certificateSerial: '5a'.repeat(16),
      certificateNotAfterMs: 0,
      openConnections: 3,
      openTunnels: 2,
      totalConnections: 100,
      plaintext: { connections: 0, flows: 0, mostUsed: [] },
      egress: [],
      missingUpstreams: [],
    },
  },
}).finish();

function asRpcError(error: unknown): RpcError {
  return error instanceof RpcError ? error : new RpcError('internal', String(error));
}
