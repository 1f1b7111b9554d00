import type { TLSSocket } from 'node:tls';

/**
 * Counts the records with data that come on a TLS connection which is read as a stream: Node.js pushes
 * what one record has at a time, also while nobody reads.
 *
 * @returns the count so far
 */
export function countDataRecords(socket: TLSSocket): () => number {
  let count = 0;
  const push = socket.push.bind(socket);
  socket.push = (chunk: unknown, encoding?: BufferEncoding) => {
    count += 1;
    return push(chunk, encoding);
  };
  return () => count;
}
