/** One sidecar cannot keep a control plane busy with messages of which reading takes long. */
import test from 'ava';
import { RateLimited, RequestError } from '../../../../control-plane/api/request-error.ts';
import {
  createMessageReader,
  messageCost,
} from '../../../../control-plane/api/sync/message-cost.ts';
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

test('a message counts for more the more items are in it, at any depth', (t) => {
  const acknowledgement = { version: 1, bundleVersion: 1 };
  t.is(messageCost({ message: { $case: 'acknowledgement', value: acknowledgement } }), 1);
  t.is(messageCost({ message: answerOf(499) }), 1);
  t.is(messageCost({ message: answerOf(5_000) }), 11);
  t.is(messageCost({ message: undefined }), 1);
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
