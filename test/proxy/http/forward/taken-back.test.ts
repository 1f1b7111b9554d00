/** Whose request it is that is ended before its end: a client that has ours reset is charged for it, and no other. */
import test from 'ava';
import type { Field } from '../../../../proxy/http/message.ts';
import { responseHead } from './fake-exchanges.ts';
import { forwardWorld } from './forwarding.ts';

type World = ReturnType<typeof forwardWorld>;
type Reached = Awaited<ReturnType<World['reach']>>;

/** More than nothing may move for. */
const IDLE_MS = 10_001;

const TOO_MUCH = 'x'.repeat(1_001);

const begins = ({ service }: Reached): void => service.receiver.responded(responseHead(), false);
const answers = ({ service }: Reached): void => service.receiver.responded(responseHead(), true);

const BY_CLIENT: Readonly<Record<string, (reached: Reached, world: World) => unknown>> = {
  'goes before the answer': ({ client }) => client.closeAs('reset'),
  'goes within the answer'(reached) {
    begins(reached);
    reached.client.closeAs('reset');
  },
  'goes after the answer, with the rest of its body missing'(reached) {
    answers(reached);
    reached.client.closeAs('reset');
  },
  'sends too much before the answer': ({ client }) => client.data(TOO_MUCH),
  'sends too much within the answer'(reached) {
    begins(reached);
    reached.client.data(TOO_MUCH);
  },
  'sends too much after the answer'(reached) {
    answers(reached);
    reached.client.data(TOO_MUCH);
    reached.client.closeAs('ended');
  },
  'does not send its body before the answer': (_reached, { clock }) => clock.advance(20_000),
  async 'does not send the rest of its body after the answer'(reached, { clock }) {
    answers(reached);
    await clock.advance(20_000);
  },
  async 'does not take the answer'(reached, { clock }) {
    begins(reached);
    reached.client.takes = false;
    reached.service.receiver.data(Buffer.from('x'), false, true);
    await clock.advance(IDLE_MS);
  },
};

test('a client that waits for a 100, and needs none any more, has its request taken back', async (t) => {
  const world = forwardWorld();
  const fields: Field[] = [['Expect', '100-continue']];
  const reached = await world.reach({ method: 'POST', fields }, false);
  answers(reached);
  t.deepEqual(reached.service.calls, ['reset']);
  reached.client.closeAs('ended');
  t.is(world.done.length, 1);
  t.true(reached.request.isTakenBack);
});

for (const [what, act] of Object.entries(BY_CLIENT)) {
  test(`a client that ${what} has its request taken back`, async (t) => {
    const world = forwardWorld();
    const reached = await world.reach({ method: 'POST' }, false);
    await act(reached, world);
    t.deepEqual(reached.service.calls, ['reset']);
    if (world.done.length === 0) reached.client.closeAs('ended');
    t.is(world.done.length, 1);
    t.true(reached.request.isTakenBack);
  });
}

const BY_SERVICE: Readonly<Record<string, (reached: Reached, world: World) => unknown>> = {
  'breaks off': ({ service }) => service.closeAs('reset'),
  'breaks off within its answer'(reached) {
    begins(reached);
    reached.service.closeAs('reset');
  },
  async 'does not take the body'({ client, service }, { clock }) {
    service.takes = false;
    client.data('x');
    await clock.advance(20_000);
  },
  async 'does not take the rest of the body after its answer'(reached, { clock }) {
    answers(reached);
    reached.service.takes = false;
    reached.client.data('x');
    await clock.advance(20_000);
  },
  async 'does not go on with its answer'(reached, { clock }) {
    begins(reached);
    reached.client.receiver?.end();
    reached.service.receiver.data(Buffer.from('x'), false, true);
    await clock.advance(IDLE_MS);
  },
  async 'does not answer'({ client }, { clock }) {
    client.receiver?.end();
    await clock.advance(5_000);
  },
};

for (const [what, act] of Object.entries(BY_SERVICE)) {
  test(`a service that ${what} is no matter of the client`, async (t) => {
    const world = forwardWorld();
    const reached = await world.reach({ method: 'POST' }, false);
    await act(reached, world);
    reached.client.closeAs('ended');
    t.is(world.done.length, 1);
    t.false(reached.request.isTakenBack);
  });
}

test('a body that is said to be too large reaches no service, and is no matter of it', async (t) => {
  const { begin, done, settle, connections } = forwardWorld();
  const { request, client } = begin({ method: 'POST', contentLength: 1_001 }, false);
  await settle();
  client.closeAs('ended');
  t.is(connections.length, 0);
  t.is(done.length, 1);
  t.false(request.isTakenBack);
});
