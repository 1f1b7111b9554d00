import { watchCapture, type WatchedCapture } from '../../helpers/netns/capture.ts';
import { eventually } from '../../helpers/deadline.ts';
import type { Scope } from '../../helpers/scope.ts';
import { checkWrites } from '../invariants/acknowledged-writes.ts';
import { checkExpired } from '../invariants/expired-certificates.ts';
import { checkForbidden } from '../invariants/forbidden-connections.ts';
import { checkIssuanceLog } from '../invariants/issuance-log.ts';
import { watchPlaintext } from '../invariants/plaintext.ts';
import type { InvariantName } from '../invariants/violations.ts';
import { followRecord } from '../load/record.ts';
import type { WriteOutcome } from '../load/write-outcome.ts';
import type { Mesh } from '../mesh/mesh.ts';
import { OUTCAST, RECORDERS } from '../plan/cast.ts';
import { createAttacks, type Attacks } from './attacks.ts';
import type { LoadCounts } from './health.ts';
import { createLogReader, type LogReader } from './log-reader.ts';

/** All that looks at the mesh while it is broken. */
export interface Watch {
  readonly attacks: Attacks;
  readonly log: LogReader;
  readonly counts: LoadCounts;
  /** A writer has said what came of a write. */
  said(writer: string, outcome: WriteOutcome): void;
  /** Reads what was recorded, and compares it with what was acknowledged. */
  readRecords(): void;
  /** The clock of this program was set. */
  clockSet(name: string): void;
  /** Waits until every certificate that a sidecar has is in the log. */
  settleLog(): Promise<void>;
  /** Ends the capture, and sums up. */
  end(): Promise<WatchTotals>;
}

/** What was seen in all. */
export interface WatchTotals {
  readonly writes: { readonly acknowledged: number; readonly failed: number };
  readonly refusedAttacks: number;
  readonly usesInTime: number;
  readonly packets: { readonly seen: number; readonly lost: number };
  readonly certificates: number;
}

/** What is sent over the bridge to see that the capture sees what goes over it. */
const CONTROL = 'hauberk-chaos-control';

/** A clock that was set concerns what was judged by it for as long as certificates of before live. */
const CLOCK_CONCERNS_MS = 120_000;

/** After all is well, journals of what was issued without the store may still be brought in. */
const LOG_DEADLINE_MS = 30_000;

/** Begins to watch. */
export async function startWatch(
  scope: Scope,
  { mesh, marker }: { readonly mesh: Mesh; readonly marker: string },
  breaks: (invariant: InvariantName, sentence: string) => void,
): Promise<Watch> {
  const breaker = (invariant: InvariantName) => (sentence: string) => breaks(invariant, sentence);
  const clockSetMs = new Map<string, number>();
  const isClockRight = (name: string): boolean =>
    Date.now() - (clockSetMs.get(name) ?? 0) > CLOCK_CONCERNS_MS;
  const plaintext = watchPlaintext(marker, breaker('no-plaintext'));
  const capture = await startCapture(scope, mesh, (packet) => plaintext.packet(packet));
  const writes = checkWrites(breaker('no-lost-write'));
  const rules = [{ writer: 'intruder-0', host: 'vault-0' }, { writer: OUTCAST }];
  const forbidden = checkForbidden(rules, breaker('no-forbidden-connection'));
  const expired = checkExpired(isClockRight, breaker('no-expired-certificate'));
  const issuance = checkIssuanceLog(breaker('whole-issuance-log'));
  const log = createLogReader(mesh, issuance);
  const records = RECORDERS.map((host) => ({ host, next: followRecord(mesh.recordFile(host)) }));
  const acknowledged = new Map<string, number>();
  const recorded = new Map<string, number>();
  const count = (counts: Map<string, number>, key: string): void =>
    void counts.set(key, (counts.get(key) ?? 0) + 1);

  const readRecords = (): void => {
    for (const { host, next } of records) {
      for (const write of next()) {
        count(recorded, host);
        writes.recorded(host, write);
        forbidden.recorded(host, write);
      }
    }
    writes.check();
  };
  return {
    attacks: createAttacks(mesh, { tried: forbidden.tried, used: expired.used }),
    log,
    counts: { acknowledged, recorded },
    said(writer, outcome) {
      writes.said(outcome);
      if (outcome.kind === 'acknowledged') count(acknowledged, `${writer} to ${outcome.service}`);
    },
    readRecords,
    clockSet: (name) => void clockSetMs.set(name, Date.now()),
    async settleLog() {
      log.look();
      const endMs = Date.now() + LOG_DEADLINE_MS;
      for (;;) {
        const hasAnswer = await log.read();
        const missing = issuance.missing();
        if (hasAnswer && missing.length === 0) return;
        if (Date.now() < endMs) continue;
        const what = hasAnswer ? `it has not ${missing.join(', ')}` : 'nobody tells what is in it';
        breaks('whole-issuance-log', `${LOG_DEADLINE_MS / 1_000} s after all is well, ${what}`);
        return;
      }
    },
    async end() {
      readRecords();
      const { dropped } = await capture.end();
      if (plaintext.packets === 0)
        breaks('no-plaintext', 'the capture saw nothing, and proves nothing');
      if (expired.inTime === 0) {
        breaks('no-expired-certificate', 'no stolen certificate was accepted while it was valid');
      }
      return {
        writes: { acknowledged: writes.acknowledged, failed: writes.failed },
        refusedAttacks: forbidden.refused,
        usesInTime: expired.inTime,
        packets: { seen: plaintext.packets, lost: dropped },
        certificates: issuance.entries,
      };
    },
  };
}

async function startCapture(
  scope: Scope,
  mesh: Mesh,
  onPacket: (packet: Buffer) => void,
): Promise<WatchedCapture> {
  const { bridge, hosts } = mesh.network;
  let hasControl = false;
  const capture = await watchCapture(scope, bridge, (packet) => {
    hasControl ||= packet.includes(CONTROL);
    onPacket(packet);
  });
  await eventually('the capture sees what is sent in the clear', async () => {
    const send = `bash -c 'echo ${CONTROL} > /dev/udp/${hosts['orders-0'].ipv4}/9'`;
    await hosts['web-0'].configure(send);
    return hasControl || undefined;
  });
  return capture;
}
