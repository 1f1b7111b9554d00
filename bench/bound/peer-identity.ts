import { readFileSync } from 'node:fs';
import type { SecureContextOptions } from 'node:tls';
import type { BoundOrder } from './order.ts';

/** The own certificate, and what the other side's is checked with. */
export function credentials({ root, chain, key }: BoundOrder): SecureContextOptions {
  return {
    ca: readFileSync(root),
    cert: readFileSync(chain),
    key: readFileSync(key),
    minVersion: 'TLSv1.3',
  };
}

/** Whether the other side's SPIFFE ID is among these names, as Node.js writes them: `URI:spiffe://a/b, DNS:c`. */
export function isPeer({ peerUri }: BoundOrder, subjectaltname: string | undefined): boolean {
  return subjectaltname?.split(', ').includes(`URI:${peerUri}`) === true;
}
