import { cpus, release, totalmem } from 'node:os';
import type { Placement } from './lab/placement.ts';
import type { BenchResults } from './results/results.ts';

/** What the figures were measured on. */
export function describeMachine(placement: Placement): BenchResults['machine'] {
  const { sidecarCores, loadCores } = placement;
  const processors = cpus();
  return {
    processor: processors[0]?.model.trim() ?? 'unknown',
    cores: processors.length,
    memoryGiB: Math.round(totalmem() / 1024 ** 3),
    kernel: `Linux ${release()}`,
    node: process.version,
    openssl: process.versions.openssl,
    placement:
      sidecarCores === loadCores
        ? `sidecars, load and application share the cores ${sidecarCores}`
        : `sidecars on the cores ${sidecarCores}, load and application on ${loadCores}`,
  };
}
