import type { ClientDuplexStream } from '@grpc/grpc-js';
import type { MonotonicClock } from '../../../common/clock.ts';
import type { HostPort } from '../../../common/config/address.ts';
import { ignoreError } from '../../../common/ignored.ts';
import {
  createChannel,
  type ChannelSettings,
  type ControlPlaneChannel,
} from '../../../common/rpc/channel.ts';
import { RpcError } from '../../../common/rpc/rpc-error.ts';
import {
  DiscoveryClient,
  type SyncRequest,
  type SyncResponse,
} from '../../../proto/gen/hauberk/v1/discovery.ts';
import type { Conversation } from './conversation.ts';
import type { SyncCredentials } from './credentials.ts';

/** What one stream needs. */
export interface SyncStreamSettings {
  readonly channel: Omit<ChannelSettings, 'roots' | 'identity'>;
  readonly credentials: SyncCredentials;
  readonly hello: SyncRequest;
  /** What is said on it of endpoints. */
  readonly conversation: Conversation;
  /** Called for one message after the other, the next when it has resolved. */
  readonly onResponse: (response: SyncResponse, stream: SyncStream) => Promise<void>;
  /** The first message was handled. */
  readonly onAnswered: (stream: SyncStream) => void;
  /** The last call, once, unless `close` was called before. */
  readonly onEnded: (stream: SyncStream, error: RpcError) => void;
  /** A control plane that takes the stream and then says nothing is as good as none. */
  readonly answerTimeoutMs: number;
  readonly clock: MonotonicClock;
}

/** One connection with one Sync stream on it. */
export interface SyncStream {
  /** The control plane at the other end. */
  readonly target: HostPort;
  /** What its connection was made with. */
  readonly credentials: SyncCredentials;
  /** Its connection, for other calls. */
  readonly channel: Pick<ControlPlaneChannel, 'call'>;
  /** Its first message has been handled. */
  readonly answered: boolean;
  readonly conversation: Conversation;
  /** Calls back when it was handed to the socket, or cannot be any more. */
  send(request: SyncRequest, sent?: () => void): void;
  /** Ends the stream and its connection. */
  close(): void;
}

/** Opens a stream and says hello. Failures come by `onEnded`. */
export function openSyncStream(settings: SyncStreamSettings): SyncStream {
  const { clock, conversation, credentials, hello, onAnswered, onEnded, onResponse } = settings;
  const { bundle, chain, privateKey } = credentials;
  const identity = { privateKey, chain };
  const channel = createChannel({ ...settings.channel, roots: bundle.roots, identity });
  const call: ClientDuplexStream<SyncRequest, SyncResponse> = channel
    .client(DiscoveryClient)
    .sync();
  let closed = false;
  let answered = false;
  const answerTimer = clock.after(settings.answerTimeoutMs, () =>
    end(new RpcError('timeout', 'the control plane accepted the Sync stream but did not answer')),
  );

  const stream: SyncStream = {
    target: settings.channel.address,
    credentials,
    channel,
    get answered() {
      return answered;
    },
    conversation,
    send(request, sent = () => {}) {
      if (closed || call.destroyed) sent();
      else call.write(request, () => sent());
    },
    close() {
      closed = true;
      answerTimer.cancel();
      call.cancel();
      channel.close();
    },
  };

  function end(error: RpcError): void {
    if (closed) return;
    stream.close();
    onEnded(stream, error);
  }

  async function read(): Promise<void> {
    for await (const response of call as AsyncIterable<SyncResponse>) {
      if (closed) return;
      await onResponse(response, stream);
      if (answered || closed) continue;
      answered = true;
      answerTimer.cancel();
      onAnswered(stream);
    }
    end(new RpcError('unreachable', 'the control plane ended the Sync stream'));
  }

  // Without a listener of its own the cancellation of an ended stream would be an unhandled error.
  call.on('error', ignoreError);
  read().catch((error: unknown) => end(channel.explain(error)));
  stream.send(hello);
  return stream;
}
