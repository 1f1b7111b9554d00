/** What carries a connection: bytes in order, in both directions. Nothing was read of it yet. */
export interface Transport {
  /** False when nothing can be written any more: it is ending, or gone. */
  readonly isWritable: boolean;
  /** Begins to read. Called once. */
  open(receiver: TransportReceiver): void;
  /** Writes bytes whose memory is the transport's until `written` is called; not at all when it breaks before. */
  write(bytes: Buffer, written: () => void): void;
  /** Ends our direction, after what was written. */
  end(): void;
  /** Breaks it off. The receiver hears `closed`, after this has returned. */
  destroy(): void;
}

/** Takes what comes over a transport. */
export interface TransportReceiver {
  /** Bytes have come. They are valid during the call only. */
  received(chunk: Buffer): void;
  /** Nothing comes any more, and nothing is written. `error` says why, unless one of the sides has ended it. */
  closed(error: Error | undefined): void;
}
