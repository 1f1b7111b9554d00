/** What tcpdump counts, as it says at its end. */
export interface CaptureStatistics {
  /** Packets that it has written. */
  readonly captured: number;
  /** Packets that went by, as the kernel counted them. */
  readonly received: number;
  /** Packets that were lost, by the kernel or by the interface. */
  readonly dropped: number;
}

/**
 * Reads the lines that tcpdump ends with:
 *
 *     143 packets captured
 *     146 packets received by filter
 *     0 packets dropped by kernel
 *
 * @returns undefined when a line is missing: nothing is known then
 */
export function readStatistics(text: string): CaptureStatistics | undefined {
  const count = (what: RegExp): number | undefined => {
    const [, digits] = what.exec(text) ?? [];
    return digits === undefined ? undefined : Number(digits);
  };
  const captured = count(/^(\d+) packets? captured$/m);
  const received = count(/^(\d+) packets? received by filter$/m);
  const byKernel = count(/^(\d+) packets? dropped by kernel$/m);
  if (captured === undefined || received === undefined || byKernel === undefined) return undefined;
  // Printed only when there are any.
  const byInterface = count(/^(\d+) packets? dropped by interface$/m) ?? 0;
  return { captured, received, dropped: byKernel + byInterface };
}
