import type { DemoMesh } from './demo-mesh.ts';

/** What `hauberk demo --json` prints. */
export interface DemoReport {
  readonly requests: number;
  readonly failures: number;
  /** Certificates that were replaced, of all sidecars together. */
  readonly rotations: number;
  /** Tunnels between sidecars that were made. */
  readonly handshakes: number;
  /** How often the canary in every request was readable between the sidecars: must be 0. */
  readonly plaintextOnWire: number;
  /** The same between the client and its sidecar: proves that the canary can be found at all. */
  readonly plaintextAtApp: number;
  readonly bytesOnWire: number;
}

/** Adds up what has happened so far. */
export async function demoReport(mesh: DemoMesh): Promise<DemoReport> {
  const sum = (numbers: readonly number[]): number => numbers.reduce((a, b) => a + b, 0);
  const { requests, failures } = mesh.totals;
  return {
    requests,
    failures,
    rotations: sum(mesh.sidecars.map(({ rotations }) => rotations)),
    handshakes: await mesh.handshakes(),
    plaintextOnWire: sum(mesh.wire.map(({ seen }) => seen.canaries)),
    plaintextAtApp: mesh.plaintextSide.seen.canaries,
    bytesOnWire: sum(mesh.wire.map(({ seen }) => seen.bytes)),
  };
}

/** True when the demo showed what it promises; a demo that carried nothing shows nothing. */
export function hasSucceeded(report: DemoReport): boolean {
  return (
    report.requests > 0 &&
    report.failures === 0 &&
    report.bytesOnWire > 0 &&
    report.plaintextOnWire === 0 &&
    report.plaintextAtApp > 0
  );
}
