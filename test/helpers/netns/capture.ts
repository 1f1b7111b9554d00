import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { eventually, within } from '../deadline.ts';
import type { Scope } from '../scope.ts';
import { endProcess, SYSTEM_ENV, type Namespace } from './network.ts';

/** A running capture. */
export interface Capture {
  /**
   * Ends it and tells how many packets carried each text. Throws when nothing was captured, or when
   * packets were lost: a capture that saw nothing proves nothing.
   */
  count(...texts: readonly string[]): Promise<number[]>;
}

/** pcap: a header of 24 bytes, then each packet with a header of 16, its length at 8. */
const FILE_HEADER_BYTES = 24;
const PACKET_HEADER_BYTES = 16;

/** Sent over the bridge last: when ended, tcpdump forgets what it has not read yet, which a busy machine has. */
const END = 'the end of the capture';

/** The first host of each network. */
const HOST = '10.77.0.1';

/** Starts to capture everything that goes over the bridge; resolves when it does. */
export async function startCapture(scope: Scope, bridge: Namespace): Promise<Capture> {
  const [program = '', ...prefix] = bridge.through;
  const tcpdump = ['tcpdump', '-i', 'br0', '-U', '--immediate-mode', '-B', '8192', '-w', '-'];
  const child = spawn(program, [...prefix, ...tcpdump], {
    env: SYSTEM_ENV,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  scope.teardown(() => endProcess(child));
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  let said = '';
  const listening = Promise.withResolvers<void>();
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
    if (said.includes('listening on')) listening.resolve();
  });
  await within('tcpdump listens', listening.promise);
  return {
    async count(...texts) {
      await eventually('tcpdump has read what came before', async () => {
        await bridge.configure(`bash -c 'echo ${END} > /dev/udp/${HOST}/9'`);
        return Buffer.concat(chunks).includes(END) || undefined;
      });
      const closed = once(child, 'close');
      child.kill('SIGINT');
      await within('tcpdump ends', closed);
      const captured = Number(/(\d+) packets? captured/.exec(said)?.[1] ?? 0);
      const dropped = Number(/(\d+) packets? dropped by kernel/.exec(said)?.[1] ?? 1);
      if (captured === 0 || dropped > 0) throw new Error(`the capture is of no use: ${said}`);
      const packets = packetsOf(Buffer.concat(chunks));
      return texts.map((text) => packets.filter((packet) => packet.includes(text)).length);
    },
  };
}

function packetsOf(file: Buffer): Buffer[] {
  const packets: Buffer[] = [];
  let at = FILE_HEADER_BYTES;
  while (at + PACKET_HEADER_BYTES <= file.length) {
    const length = file.readUInt32LE(at + 8);
    packets.push(file.subarray(at + PACKET_HEADER_BYTES, at + PACKET_HEADER_BYTES + length));
    at += PACKET_HEADER_BYTES + length;
  }
  return packets;
}
