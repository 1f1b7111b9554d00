/**
 * The ports of a sidecar, by Istio's numbers, so that people and tools recognise them. The rules of a
 * network namespace redirect to the first two and leave the other two alone.
 */
export const SIDECAR_PORTS = {
  outbound: 15_001,
  inbound: 15_006,
  hbone: 15_008,
  metrics: 15_020,
} as const;

/** The user that sidecars run as in containers: what it sends is not redirected again. */
export const SIDECAR_UID = 15_337;
