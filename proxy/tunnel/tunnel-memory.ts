import { MemoryBudget } from '../http2/memory-budget.ts';

/**
 * What may wait in this process for readers and peers who are slow: 256 MiB. 250 transfers whose
 * reader has stopped in the midst of a large window, or 4,000 in a small one.
 */
const MEMORY_BYTES = 256 * 1024 * 1024;

/** The budget of all tunnels together: memory is the process's, not a tunnel's. */
export const TUNNEL_MEMORY = new MemoryBudget(MEMORY_BYTES);

/** The budget of one of several processes that share what one may have. */
export function shareOfTunnelMemory(processes: number): MemoryBudget {
  return new MemoryBudget(Math.floor(MEMORY_BYTES / processes));
}
