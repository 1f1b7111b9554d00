import test from 'ava';
import { PcapReader } from '../../../../cli/verify/wire/pcap-reader.ts';
import { WireAnalysis } from '../../../../cli/verify/wire/wire-analysis.ts';
import { CLIENT, otherFrame, pcapFile, SERVER, tcpFrame, tcpFrameV6 } from './frames.ts';

const CANARY = 'canary-4711';

function analyse(frames: readonly Buffer[], options: Parameters<typeof pcapFile>[1] = {}) {
  const analysis = new WireAnalysis([Buffer.from(CANARY), Buffer.from('other')], [15_008]);
  const reader = new PcapReader((frame) => analysis.add(frame));
  reader.push(pcapFile(frames, options));
  return analysis.finish();
}

const back = { from: SERVER, to: CLIENT } as const;

test('a canary is found that lies across packets which come in the wrong order', (t) => {
  const { canaries, gaps } = analyse([
    tcpFrame({ sequence: 1, flags: 'syn' }),
    tcpFrame({ sequence: 2, payload: 'GET /can' }),
    tcpFrame({ sequence: 14, payload: '4711' }),
    tcpFrame({ sequence: 10, payload: 'ary-' }),
  ]);
  t.deepEqual(canaries, [1, 0]);
  t.is(gaps, 0);
});

test('a packet that is sent again counts once, and each direction is its own stream', (t) => {
  const { canaries } = analyse([
    tcpFrame({ sequence: 1, payload: CANARY }),
    tcpFrame({ sequence: 1, payload: CANARY }),
    tcpFrame({ ...back, sequence: 900, payload: `${CANARY} other` }),
    tcpFrame({ sequence: 12, payload: 'cana' }),
    tcpFrame({ ...back, sequence: 917, payload: 'ry-4711' }),
  ]);
  t.deepEqual(canaries, [2, 1]);
});

test('a canary is found over IPv6, and in what is not TCP at all', (t) => {
  t.deepEqual(analyse([tcpFrameV6(CANARY)]).canaries, [1, 0]);
  t.deepEqual(analyse([tcpFrameV6(CANARY)]).servers[0]?.address, 'fd00::2');
  t.deepEqual(analyse([otherFrame(`ARP ${CANARY}`)]).canaries, [1, 0]);
});

test('ports that are used again are another connection', (t) => {
  const once = [
    tcpFrame({ sequence: 1_000, flags: 'syn' }),
    tcpFrame({ sequence: 1_001, payload: CANARY }),
  ];
  const again = [
    tcpFrame({ sequence: 7, flags: 'syn' }),
    tcpFrame({ sequence: 7, flags: 'syn' }),
    tcpFrame({ sequence: 8, payload: CANARY }),
  ];
  const { canaries, servers } = analyse([...once, ...again]);
  t.deepEqual(canaries, [2, 0]);
  t.is(servers[0]?.connections, 2);
});

test('what is missing is told, and a canary is not put together across it', (t) => {
  const { canaries, gaps, servers } = analyse([
    tcpFrame({ sequence: 1, payload: 'canary' }),
    tcpFrame({ sequence: 8, payload: '-4711' }),
  ]);
  t.deepEqual(canaries, [0, 0]);
  t.is(gaps, 1);
  t.is(servers[0]?.connectionsNotTls, 1);
});

test('packets that were cut by the capture are counted', (t) => {
  t.is(
    analyse([tcpFrame({ sequence: 1, payload: CANARY })], { snapLength: 60 }).truncatedFrames,
    1,
  );
  t.is(analyse([tcpFrame({ sequence: 1, payload: CANARY })]).truncatedFrames, 0);
});

test('TLS and plaintext to one server are told apart', (t) => {
  const record = Buffer.concat([Buffer.from([23, 3, 3, 0, 4]), Buffer.from('abcd')]);
  const { servers } = analyse([
    tcpFrame({ sequence: 1, payload: record }),
    tcpFrame({ ...back, sequence: 1, payload: record }),
    tcpFrame({ from: ['10.0.0.1', 40_001], sequence: 1, payload: 'plaintext' }),
  ]);
  t.deepEqual(servers, [
    {
      address: SERVER[0],
      port: SERVER[1],
      connections: 2,
      connectionsNotTls: 1,
      bytesTo: 18,
      bytesFrom: 9,
      encryptedBytesTo: 9,
      encryptedBytesFrom: 9,
      versions: [],
      serverNames: [],
      protocols: [],
    },
  ]);
});

test('the server of a connection is known by its SYN, or by its port', (t) => {
  const ports: readonly [string, Buffer][] = [
    ['40000', tcpFrame({ ...back, sequence: 1, flags: 'syn' })],
    ['15008', tcpFrame({ ...back, sequence: 1, flags: 'syn-ack' })],
    ['15008', tcpFrame({ ...back, sequence: 1, payload: 'x' })],
    ['15008', tcpFrame({ from: ['10.0.0.1', 80], sequence: 1, payload: 'x' })],
    [
      '80',
      tcpFrame({ from: ['10.0.0.1', 80], to: ['10.0.0.2', 9_000], sequence: 1, payload: 'x' }),
    ],
  ];
  for (const [port, frame] of ports) t.is(String(analyse([frame]).servers[0]?.port), port);
});

test('an empty capture is an observation of nothing', (t) => {
  const { frames, servers, canaries } = analyse([]);
  t.deepEqual({ frames, servers, canaries }, { frames: 0, servers: [], canaries: [0, 0] });
});
