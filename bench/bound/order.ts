/** What a process of the pair is told, as JSON in its one argument. All ports are of 127.0.0.1. */
export interface BoundOrder {
  /** The caller takes plaintext and carries it to the callee, which hands it to the application. */
  readonly role: 'caller' | 'callee';
  readonly listenPort: number;
  readonly connectPort: number;
  /** PEM files: the root that the other side is checked with, and the own leaf with its issuer. */
  readonly root: string;
  readonly chain: string;
  readonly key: string;
  /** The SPIFFE ID of the other side. */
  readonly peerUri: string;
}
