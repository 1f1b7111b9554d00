import { EventEmitter } from 'node:events';
import type { RpcError } from '../../../../common/rpc/rpc-error.ts';
import {
  DiscoveryClient,
  type Delta,
  type Hello,
  type Snapshot,
  type SyncRequest,
  type Question,
  type Watch,
} from '../../../../proto/gen/hauberk/v1/discovery.ts';
import { within } from '../../../helpers/deadline.ts';
import type { ControlPlaneUnderTest, TestIdentity } from '../../control-plane-under-test.ts';

/** What a message of the control plane says. */
export type Update =
  | ({ readonly kind: 'snapshot'; readonly version: number } & Snapshot)
  | ({ readonly kind: 'delta'; readonly version: number } & Delta);

/** A sidecar's end of a Sync stream. */
export interface SyncStreamUnderTest {
  say(message: NonNullable<SyncRequest['message']>): void;
  /** Says what a newer sidecar says: nothing of it is known to this version. */
  sayUnknown(): void;
  /** The next message that was not taken yet. */
  next(): Promise<Update>;
  /** What the control plane has asked to be told of traffic, the newest last. */
  readonly watches: readonly Watch[];
  /** What the control plane has asked, the newest last. */
  readonly questions: readonly Question[];
  /** How many messages came and were not taken. */
  readonly waiting: number;
  /** Resolves with the reason for which the control plane ended the stream. */
  refused(): Promise<RpcError>;
  /** Breaks the connection off, as a process that is killed. */
  kill(): void;
}

/** A Hello in which everything is right. */
export const hello = (values: Partial<Hello> = {}): NonNullable<SyncRequest['message']> => ({
  $case: 'hello',
  value: {
    instanceId: 'web-1',
    addresses: ['10.0.0.1'],
    hbonePort: 15_008,
    ports: [8080],
    anyPort: false,
    resumeVersion: 0,
    softwareVersion: '1.2.3',
    metrics: undefined,
    role: '',
    localAllow: undefined,
    interest: undefined,
    interestVersion: 0,
    questionLevel: 0,
    ...values,
  },
});

/** Opens a stream and says nothing. */
export function openSyncStream(
  cp: ControlPlaneUnderTest,
  identity?: TestIdentity,
): SyncStreamUnderTest {
  const channel = cp.connect(identity);
  const call = channel.client(DiscoveryClient).sync();
  const updates: Update[] = [];
  const watches: Watch[] = [];
  const questions: Question[] = [];
  const news = new EventEmitter();
  call.on('data', ({ version, change }) => {
    if (change?.$case === 'snapshot') updates.push({ kind: 'snapshot', version, ...change.value });
    if (change?.$case === 'delta') updates.push({ kind: 'delta', version, ...change.value });
    if (change?.$case === 'watch') watches.push(change.value);
    if (change?.$case === 'question') questions.push(change.value);
    news.emit('update');
  });
  const refused = new Promise<RpcError>((resolve) => {
    call.on('error', (error) => resolve(channel.explain(error)));
  });
  return {
    say: (message) => void call.write({ message }),
    sayUnknown: () => void call.write({ message: undefined }),
    watches,
    questions,
    get waiting() {
      return updates.length;
    },
    next: () =>
      within(
        'a message on the Sync stream',
        (async () => {
          for (;;) {
            const update = updates.shift();
            if (update !== undefined) return update;
            await new Promise((resolve) => news.once('update', resolve));
          }
        })(),
      ),
    refused: () => within('the control plane ends the Sync stream', refused),
    kill: () => call.cancel(),
  };
}
