import type { RecordedWrite } from '../load/record.ts';
import type { WriteOutcome } from '../load/write-outcome.ts';
import type { Break } from './violations.ts';

/** Compares what writers were told with what was recorded. */
export interface AcknowledgedWrites {
  said(outcome: WriteOutcome): void;
  recorded(host: string, write: RecordedWrite): void;
  /** Checks what was acknowledged before the records were read last. */
  check(): void;
  readonly acknowledged: number;
  readonly failed: number;
}

/**
 * Each write that was acknowledged was recorded, as it was sent; and none was recorded twice, because writers do not
 * repeat them.
 */
export function checkWrites(breaks: Break): AcknowledgedWrites {
  const records = new Map<string, { readonly host: string; readonly digest: string }>();
  const unchecked = new Map<string, WriteOutcome>();
  let acknowledged = 0;
  let failed = 0;
  return {
    said(outcome) {
      const { kind, id, service } = outcome;
      if (kind === 'altered')
        breaks(`the write ${id} was acknowledged for other bytes by ${service}`);
      if (kind === 'failed') failed += 1;
      if (kind !== 'acknowledged') return;
      acknowledged += 1;
      unchecked.set(id, outcome);
    },
    recorded(host, { id, digest }) {
      const before = records.get(id);
      if (before !== undefined) {
        breaks(`the write ${id} was recorded by ${before.host} and again by ${host}`);
      }
      records.set(id, { host, digest });
    },
    check() {
      for (const { id, digest, service } of unchecked.values()) {
        const record = records.get(id);
        if (record === undefined) breaks(`the write ${id} to ${service} was acknowledged and lost`);
        else if (record.digest !== digest) breaks(`the write ${id} was altered on its way`);
      }
      unchecked.clear();
    },
    get acknowledged() {
      return acknowledged;
    },
    get failed() {
      return failed;
    },
  };
}
