/** A sidecar answers what it is asked, says so of what it does not know, and works no more often than it should. */
import test from 'ava';
import type { Answer, Question, SyncRequest } from '../../../proto/gen/hauberk/v1/discovery.ts';
import { Answerer } from '../../../proxy/questions/answerer.ts';
import { createManualClock } from '../../helpers/manual-clock.ts';
import { sidecarStateOf } from '../../helpers/mesh/sidecar-state.ts';

function start() {
  const clock = createManualClock();
  const asked = { state: 0, peers: 0 };
  const answerer = new Answerer({
    clock,
    answers: {
      async state() {
        asked.state += 1;
        return sidecarStateOf({ atMs: asked.state });
      },
      async peers() {
        asked.peers += 1;
        return { peers: [], omitted: asked.peers };
      },
    },
  });
  const sent: Answer[] = [];
  const stream = {
    send({ message }: SyncRequest): void {
      if (message?.$case === 'answer') sent.push(message.value);
    },
  };
  const ask = (id: number, question: Question['question']): Promise<void> =>
    answerer.asked({ id, question }, stream);
  return { clock, asked, sent, ask };
}

const STATE = { $case: 'state', value: {} } as const;
const PEERS = { $case: 'peers', value: {} } as const;

test('a question is answered with its id', async (t) => {
  const { sent, ask } = start();
  await ask(7, STATE);
  await ask(8, PEERS);
  t.deepEqual(sent, [
    { id: 7, answer: { $case: 'state', value: sidecarStateOf({ atMs: 1 }) } },
    { id: 8, answer: { $case: 'peers', value: { peers: [], omitted: 1 } } },
  ]);
});

test('a question of a newer control plane is answered as one that is not known', async (t) => {
  const { sent, ask } = start();
  await ask(9, undefined);
  t.deepEqual(sent, [{ id: 9, answer: undefined }]);
});

test('however often it is asked, peers are dialled once in ten seconds', async (t) => {
  const { clock, asked, sent, ask } = start();
  await Promise.all([ask(1, PEERS), ask(2, PEERS), ask(3, STATE), ask(4, STATE)]);
  await clock.advance(9_999);
  await ask(5, PEERS);
  t.deepEqual(asked, { state: 1, peers: 1 });
  t.is(sent.length, 5);
  await clock.advance(1);
  await ask(6, PEERS);
  await ask(7, STATE);
  t.deepEqual(asked, { state: 2, peers: 2 });
});
