import test from 'ava';
import { RpcError } from '../../../../common/rpc/rpc-error.ts';
import { Interest } from '../../../../proxy/discovery/interest/interest.ts';
import { createMeshView } from '../../../../proxy/discovery/mutable-view.ts';
import { createSyncConnection } from '../../../../proxy/discovery/sync/connection.ts';
import { Conversations } from '../../../../proxy/discovery/sync/conversation.ts';
import type { SyncStream } from '../../../../proxy/discovery/sync/stream.ts';
import { createManualClock } from '../../../helpers/manual-clock.ts';
import { newIdentity } from '../../../helpers/mesh/sync-under-test.ts';

test('a stream that cannot even be opened is tried again, and said to be lost', async (t) => {
  const clock = createManualClock();
  const target = { host: '127.0.0.1', port: 1 };
  const conversation = new Conversations({
    interest: new Interest(),
    view: createMeshView(),
    unconfirmed: new Set(),
    resumeVersion: () => 0,
  }).begin();
  const stream: SyncStream = {
    target,
    credentials: newIdentity(),
    channel: { call: () => Promise.reject(new Error('expected no call')) },
    answered: false,
    conversation,
    send: () => {},
    close: () => {},
  };
  let opens = 0;
  const lost: string[] = [];
  const connection = createSyncConnection({
    clock,
    retryMs: () => 250,
    open() {
      opens += 1;
      if (opens === 2 || opens === 3) throw new Error('no descriptor is left');
      return stream;
    },
    onLive: () => {},
    onLost: ({ code, message }) => lost.push(`${code}: ${message}`),
  });
  t.teardown(() => connection.close());
  connection.ended(stream, new RpcError('unreachable', 'nobody is there'));
  await clock.advance(60_000);
  t.is(opens, 4);
  t.deepEqual(lost, [
    'unreachable: nobody is there',
    'internal: no descriptor is left',
    'internal: no descriptor is left',
  ]);
  connection.answered(stream);
  t.is(connection.stream, stream);
});
