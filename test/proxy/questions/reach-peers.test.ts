/** A sidecar that is asked dials endpoints of its view, and no others, for a bounded time. */
import test from 'ava';
import { parseSpiffeId } from '../../../common/pki/spiffe-id.ts';
import type { Endpoint } from '../../../common/wire/endpoint.ts';
import { reachPeers } from '../../../proxy/questions/reach-peers.ts';
import { NotAcceptedError, TunnelError } from '../../../proxy/tunnel/tunnel-error.ts';
import type { Dial, DialTarget, Tunnel } from '../../../proxy/tunnel/tunnel.ts';
import { createManualClock } from '../../helpers/manual-clock.ts';

const endpoint = (
  instanceId: string,
  addresses: readonly [string, ...string[]],
  hbonePort = 15_008,
): Endpoint => ({
  instanceId,
  spiffeId: parseSpiffeId(`spiffe://mesh.local/ns/shop/sa/${instanceId}`),
  addresses,
  proven: [],
  contests: [],
  hbonePort,
  ports: [8080],
  anyPort: false,
});

const SILENT = new Set<string>();

function start(endpoints: readonly Endpoint[], outcomes: Readonly<Record<string, Error>> = {}) {
  const clock = createManualClock();
  const dialled: DialTarget[] = [];
  let drained = 0;
  const tunnel = { drain: () => void (drained += 1) } as unknown as Tunnel;
  const dial: Dial = async (target, signal) => {
    dialled.push(target);
    const failure = outcomes[target.address];
    if (failure !== undefined) throw failure;
    if (!SILENT.has(target.address)) return tunnel;
    return await new Promise((_, reject) => {
      signal?.addEventListener('abort', () => reject(new TunnelError('aborted', 'aborted')));
    });
  };
  const view = { endpoints: () => endpoints };
  const answer = reachPeers({ view, dial, clock, instanceId: 'self', random: () => 0.5 });
  return { clock, dialled, answer, drained: () => drained };
}

test('each endpoint is dialled where it advertises to be, with its identity, and let go', async (t) => {
  const { answer, dialled, drained } = start(
    [
      endpoint('api', ['10.0.0.1', '10.0.0.2']),
      endpoint('self', ['10.0.0.9']),
      endpoint('calls-only', ['10.0.0.3'], 0),
    ],
    { '10.0.0.1': new TunnelError('unreachable', 'refused') },
  );
  const { peers, omitted } = await answer;
  t.deepEqual(peers, [
    {
      instanceId: 'api',
      spiffeId: 'spiffe://mesh.local/ns/shop/sa/api',
      address: '10.0.0.2',
      hbonePort: 15_008,
      reason: '',
    },
  ]);
  t.is(omitted, 0);
  t.deepEqual(
    dialled.map(({ address, expect }) => [address, expect.service]),
    [
      ['10.0.0.1', 'api'],
      ['10.0.0.2', 'api'],
    ],
  );
  t.is(drained(), 1);
});

test('it is said why a peer was not found', async (t) => {
  SILENT.add('10.9.0.1');
  const { answer, clock } = start(
    [
      endpoint('silent', ['10.9.0.1']),
      endpoint('other', ['10.0.0.1']),
      endpoint('refuses', ['10.0.0.2']),
      endpoint('odd', ['10.0.0.3']),
    ],
    {
      '10.0.0.1': new TunnelError('wrong-identity', 'another one answers'),
      '10.0.0.2': new NotAcceptedError('handshake', 'it does not accept'),
      '10.0.0.3': new Error('unexpected'),
    },
  );
  await clock.advance(1_500);
  const { peers } = await answer;
  t.deepEqual(Object.fromEntries(peers.map(({ instanceId, reason }) => [instanceId, reason])), {
    silent: 'timeout',
    other: 'wrong-identity',
    refuses: 'not-accepted',
    odd: 'unreachable',
  });
});

test('some of a large mesh are dialled, and a network that swallows packets ends it', async (t) => {
  const many = Array.from({ length: 100 }, (_, at) => endpoint(`e${at}`, [`10.1.0.${at}`]));
  const { answer, dialled } = start(many);
  t.is((await answer).omitted, 68);
  t.is(dialled.length, 32);
  for (const { addresses } of many) SILENT.add(addresses[0]);
  const silent = start(many);
  for (let second = 0; second < 10; second += 1) await silent.clock.advance(500);
  const { peers, omitted } = await silent.answer;
  t.is(peers.length, 16, 'two rounds of eight');
  t.is(omitted, 84);
});
