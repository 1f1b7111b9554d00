/** One sidecar cannot keep a control plane busy with messages of which reading takes long. */
import test from 'ava';
import { RateLimited, RequestError } from '../../../../control-plane/api/request-error.ts';
import { createMessageReader } from '../../../../control-plane/api/sync/message-reader.ts';
import { SyncRequest } from '../../../../proto/gen/hauberk/v1/discovery.ts';
import type { PeerReached } from '../../../../proto/gen/hauberk/v1/question.ts';
import { startControlPlaneUnderTest } from '../../control-plane-under-test.ts';
import { createManualClock } from '../../../helpers/manual-clock.ts';
import { hello, openSyncStream } from './sync-stream-under-test.ts';

/** Two bytes on the wire. */
const NOTHING: PeerReached = {
  instanceId: '',
  spiffeId: '',
  address: '',
  hbonePort: 0,
  reason: '',
};

const answerOf = (count: number) => {
  const value = { peers: Array.from({ length: count }, () => NOTHING), omitted: 0 };
  return { $case: 'answer', value: { id: 1, answer: { $case: 'peers', value } } } as const;
};

/** What an identity is charged for messages, whatever becomes of them. */
function chargedFor(...messages: readonly Uint8Array[]): number[] {
  const charged: number[] = [];
  const recorder = {
    admit: () => undefined,
    charge: (_spiffeId: string, cost: number) => void charged.push(cost),
  };
  for (const bytes of messages) {
    const clock = createManualClock();
    const read = createMessageReader({
      spiffeId: 'web',
      limits: { messages: recorder },
      clock,
    });
    try {
      read(bytes);
    } catch (error) {
      if (!(error instanceof RequestError)) throw error;
    }
  }
  return charged;
}

const encode = (message: SyncRequest['message']): Buffer =>
  Buffer.from(SyncRequest.encode({ message }).finish());

test('a message counts for more the more items are in it, at any depth', (t) => {
  const acknowledgement = { version: 1, bundleVersion: 1 };
  const messages = [
    encode({ $case: 'acknowledgement', value: acknowledgement }),
    encode(answerOf(490)),
    encode(answerOf(5_000)),
    Buffer.alloc(0),
  ];
  t.deepEqual(chargedFor(...messages), [1, 1, 11, 1]);
});

test('what is read and is not there afterwards counts as well', (t) => {
  /** The message that has only this one field, of up to 2 MiB. */
  const inField = (tag: number, content: Buffer): Buffer => {
    const { length } = content;
    const sized = [tag, (length & 127) | 128, ((length >> 7) & 127) | 128, length >> 14];
    return Buffer.concat([Buffer.from(sized), content]);
  };
  const repeated = (hex: string): Buffer => Buffer.alloc(320_000, hex, 'hex');
  t.deepEqual(
    chargedFor(
      // `hello` and `report`, empty.
      repeated('0a00'),
      repeated('1a00'),
      // `state` in one `answer`.
      inField(0x42, repeated('1200')),
      // A field that is not known, outside and inside of a group.
      repeated('7a00'),
      Buffer.concat([Buffer.from('7b', 'hex'), repeated('7a00'), Buffer.from('7c', 'hex')]),
      // Malformed, at the very end.
      Buffer.concat([repeated('0a00'), Buffer.from('ff', 'hex')]),
      // Numbers in one list: `counts` of `request_durations` in an edge of a `traffic_report`.
      [0x12, 0x6a, 0x0a, 0x32].reduce((content, tag) => inField(tag, content), repeated('01')),
    ),
    Array.from({ length: 7 }, () => 321),
  );
});

test('an honest answer of thousands of peers is cheap', (t) => {
  const peer: PeerReached = {
    instanceId: 'web-1',
    spiffeId: 'spiffe://mesh.local/ns/shop/sa/web',
    address: '10.0.0.1',
    hbonePort: 15_008,
    reason: 'reached',
  };
  const value = { peers: Array.from({ length: 3_000 }, () => peer), omitted: 0 };
  const answer = { id: 1, answer: { $case: 'peers', value } } as const;
  t.deepEqual(chargedFor(encode({ $case: 'answer', value: answer })), [37]);
});

test('a stream with a message of very many items is ended, and one with a full report is not', async (t) => {
  const cp = await startControlPlaneUnderTest(t);
  const stream = openSyncStream(cp, await cp.enrol('shop', 'web'));
  stream.say(hello({ instanceId: 'web-1' }));
  await stream.next();
  for (let times = 0; times < 10; times += 1) stream.say(answerOf(5_000));
  t.true((await cp.admin.listWorkloads()).some(({ connected }) => connected));
  stream.say(answerOf(150_000));
  t.is((await stream.refused()).code, 'rate-limited');
});

test('what an identity has had read on streams before counts on the next one, before that is read', (t) => {
  const charged: number[] = [];
  let isOver = false;
  const limits = {
    messages: {
      admit(spiffeId: string) {
        if (isOver) throw new RateLimited(`messages of ${spiffeId}`, 100);
      },
      charge: (_spiffeId: string, cost: number) => void charged.push(cost),
    },
  };
  const open = () => createMessageReader({ spiffeId: 'web', limits, clock: createManualClock() });
  const large = SyncRequest.encode({ message: answerOf(110_000) }).finish();
  t.throws(() => open()(large), { instanceOf: RateLimited, message: /in one second/ });
  t.deepEqual(charged, [221], 'it was refused after it was read');
  const malformed = Buffer.from('ff', 'hex');
  t.throws(() => open()(malformed), { instanceOf: RequestError, code: 'request-malformed' });
  isOver = true;
  t.throws(() => open()(malformed), { instanceOf: RateLimited, message: /messages of web/ });
});
