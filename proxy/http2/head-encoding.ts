import { encodeHeaders } from './hpack/encoder.ts';

const statusBlocks = new Map<number, Buffer>();

/** The header block of an answer with nothing but a status. There are few, and each is made once. */
export function statusBlock(status: number): Buffer {
  const block =
    statusBlocks.get(status) ?? Buffer.from(encodeHeaders([[':status', String(status)]]));
  statusBlocks.set(status, block);
  return block;
}

/** Makes the header blocks of CONNECT requests (RFC 9113 section 8.5). */
export class ConnectBlocks {
  #last: { readonly authority: string; readonly block: Buffer } | undefined;

  /** A tunnel leads to few authorities, often to one: the last block is kept. */
  blockOf(authority: string): Buffer {
    if (this.#last?.authority !== authority) {
      const fields = [[':method', 'CONNECT'] as const, [':authority', authority] as const];
      this.#last = { authority, block: Buffer.from(encodeHeaders(fields)) };
    }
    return this.#last.block;
  }
}
