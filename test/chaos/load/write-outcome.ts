/** What a writer says of one write. */
export interface WriteOutcome {
  /** `altered`: it was acknowledged, but not for what was sent. */
  readonly kind: 'acknowledged' | 'altered' | 'failed';
  readonly service: string;
  readonly id: string;
  /** Of what was sent: SHA-256, hexadecimal. */
  readonly digest: string;
  readonly why?: string;
}
