import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { eventually, within } from '../deadline.ts';
import type { Scope } from '../scope.ts';
import { endProcess, SYSTEM_ENV, type Namespace } from './network.ts';
import { createPacketReader } from './packet-reader.ts';

/** A running capture. */
export interface Capture {
  /**
   * Ends it and tells how many packets carried each text. Throws when nothing was captured, or when
   * packets were lost: a capture that saw nothing proves nothing.
   */
  count(...texts: readonly string[]): Promise<number[]>;
}

/** A running capture whose packets are looked at as they come. */
export interface WatchedCapture {
  /** Ends it when it has read what came before; tells how many packets it saw, and how many it lost. */
  end(): Promise<{ readonly captured: number; readonly dropped: number }>;
}

/** Sent over the bridge last: when ended, tcpdump forgets what it has not read yet, which a busy machine has. */
const END = 'the end of the capture';

/** The first host of each network. */
const HOST = '10.77.0.1';

/** Starts to capture everything that goes over the bridge; resolves when it does. */
export async function startCapture(scope: Scope, bridge: Namespace): Promise<Capture> {
  const packets: Buffer[] = [];
  const capture = await watchCapture(scope, bridge, (packet) => packets.push(packet));
  return {
    async count(...texts) {
      const { captured, dropped } = await capture.end();
      if (captured === 0 || dropped > 0) {
        throw new Error(`the capture is of no use: ${captured} captured, ${dropped} dropped`);
      }
      return texts.map((text) => packets.filter((packet) => packet.includes(text)).length);
    },
  };
}

/** The same, for captures that run too long to be kept. */
export async function watchCapture(
  scope: Scope,
  bridge: Namespace,
  onPacket: (packet: Buffer) => void,
): Promise<WatchedCapture> {
  const [program = '', ...prefix] = bridge.through;
  const tcpdump = ['tcpdump', '-i', 'br0', '-U', '--immediate-mode', '-B', '65536', '-w', '-'];
  const child = spawn(program, [...prefix, ...tcpdump], {
    env: SYSTEM_ENV,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  scope.teardown(() => endProcess(child));
  let hasEnd = false;
  const read = createPacketReader((packet) => {
    hasEnd ||= packet.includes(END);
    onPacket(packet);
  });
  child.stdout.on('data', read);
  let said = '';
  const listening = Promise.withResolvers<void>();
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text;
    if (said.includes('listening on')) listening.resolve();
  });
  await within('tcpdump listens', listening.promise);
  return {
    async end() {
      await eventually('tcpdump has read what came before', async () => {
        await bridge.configure(`bash -c 'echo ${END} > /dev/udp/${HOST}/9'`);
        return hasEnd || undefined;
      });
      const closed = once(child, 'close');
      child.kill('SIGINT');
      await within('tcpdump ends', closed);
      return {
        captured: Number(/(\d+) packets? captured/.exec(said)?.[1] ?? 0),
        dropped: Number(/(\d+) packets? dropped by kernel/.exec(said)?.[1] ?? 1),
      };
    },
  };
}
