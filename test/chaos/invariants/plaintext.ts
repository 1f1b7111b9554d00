import type { Break } from './violations.ts';

/** Looks at every packet between hosts. */
export interface PlaintextWatch {
  packet(packet: Buffer): void;
  /** Packets that it has looked at. */
  readonly packets: number;
}

/** What no packet may carry besides the payloads: a key in PEM. */
const PRIVATE_KEY = 'PRIVATE KEY-----';

/** No payload of an application, and no private key, is in a packet between hosts. */
export function watchPlaintext(marker: string, breaks: Break): PlaintextWatch {
  let packets = 0;
  let found = 0;
  return {
    packet(packet) {
      packets += 1;
      for (const secret of [marker, PRIVATE_KEY]) {
        if (!packet.includes(secret)) continue;
        found += 1;
        // The first ones say enough.
        if (found <= MAX_SAID) breaks(`a packet between hosts carries \`${secret}\` in the clear`);
      }
    },
    get packets() {
      return packets;
    },
  };
}

const MAX_SAID = 3;
