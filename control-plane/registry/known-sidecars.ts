import type { Clock, EpochMs, MonotonicMs } from '../../common/clock.ts';
import { NO_REPORT, type SidecarReport } from '../../common/wire/report.ts';
import type { SidecarRecord } from './sidecar-record.ts';
import { REMEMBER_MS, type Sightings } from './sightings.ts';

/** A sidecar that this process has seen, connected or not. */
export interface KnownSidecar {
  readonly record: SidecarRecord;
  readonly connected: boolean;
  /** It is connected, or its registration is still valid: it may reconnect any moment. */
  readonly expected: boolean;
  /** Id of the control plane that it is connected to; undefined for none. */
  readonly controlPlane: string | undefined;
  readonly connectedSinceMs: EpochMs;
  readonly lastSeenMs: EpochMs;
  readonly report: SidecarReport;
  readonly acknowledgedVersion: number;
  /** The trust bundle that it has taken into use; 0 when it did not say so since it is connected. */
  readonly bundleVersion: number;
  /** Of the certificate with which it connected last, which TLS has proved; empty when unknown. */
  readonly provenSerial: string;
  /** It said Goodbye, or its certificate was revoked: it is not expected back. */
  readonly left: boolean;
}

/** Bounds the memory: under 10 MB. */
const MAX_REMEMBERED = 10_000;

/** Looking through all of them at each connection would cost more than the connection. */
const FORGET_EVERY_MS = 1_000;

/** Of a sidecar that only the store knows. */
const NEVER_SEEN = {
  connected: false,
  expected: true,
  controlPlane: undefined,
  connectedSinceMs: 0 as EpochMs,
  lastSeenMs: 0 as EpochMs,
  report: NO_REPORT,
  acknowledgedVersion: 0,
  bundleVersion: 0,
  provenSerial: '',
  left: false,
};

/** The sidecars that this control plane has seen: kept in memory, for an hour after a sidecar has gone. */
export class KnownSidecars {
  readonly #clock: Clock;
  readonly #known = new Map<string, KnownSidecar>();
  /** A clock that is set forward must not forget every disconnected sidecar. */
  readonly #seenMs = new Map<string, MonotonicMs>();

  #forgottenMs: MonotonicMs | undefined;
  readonly #id: string;
  readonly #sightings: Pick<Sightings, 'put'>;

  /** @param id of this control plane */
  constructor(clock: Clock, id: string, sightings: Pick<Sightings, 'put'>) {
    this.#clock = clock;
    this.#id = id;
    this.#sightings = sightings;
  }

  connected(
    record: SidecarRecord,
    report: Pick<SidecarReport, 'certificateSerial' | 'certificateNotAfterMs'>,
  ): void {
    const { instanceId } = record;
    const nowMs = this.#clock.epochMs();
    const sinceMs = this.#clock.monotonicMs() - (this.#forgottenMs ?? -Infinity);
    if (sinceMs >= FORGET_EVERY_MS) this.#forgetOld();
    this.#seenMs.set(instanceId, this.#clock.monotonicMs());
    this.#known.set(instanceId, {
      ...NEVER_SEEN,
      ...this.#known.get(instanceId),
      record,
      connected: true,
      controlPlane: this.#id,
      // It may have come back with an older state: what it trusts is for it to say.
      bundleVersion: 0,
      left: false,
      provenSerial: report.certificateSerial,
      connectedSinceMs: nowMs,
      lastSeenMs: nowMs,
      report: { ...NO_REPORT, ...report },
    });
    this.#tell(instanceId);
  }

  /** Changes what is known of a sidecar that has just been seen; does nothing when it is not known. */
  update(instanceId: string, change: Partial<Omit<KnownSidecar, 'record' | 'lastSeenMs'>>): void {
    const known = this.#known.get(instanceId);
    if (known === undefined) return;
    this.#seenMs.set(instanceId, this.#clock.monotonicMs());
    const next = { ...known, ...change, lastSeenMs: this.#clock.epochMs() };
    if (!next.connected) next.controlPlane = undefined;
    this.#known.set(instanceId, next);
    // A report, or the acknowledgement of a version, is not for others.
    const isNews = next.connected !== known.connected || next.bundleVersion !== known.bundleVersion;
    if (isNews) this.#tell(instanceId);
  }

  /** What each that is connected has acknowledged. */
  *acknowledged(): Iterable<readonly [instanceId: string, version: number]> {
    for (const [instanceId, { connected, acknowledgedVersion }] of this.#known) {
      if (connected) yield [instanceId, acknowledgedVersion];
    }
  }

  #tell(instanceId: string): void {
    const known = this.#known.get(instanceId);
    if (known === undefined) return;
    const { record, connected, connectedSinceMs, lastSeenMs, bundleVersion, report } = known;
    const { spiffeId, addresses, hbonePort, ports, anyPort, softwareVersion } = record;
    const { metrics, role } = record;
    this.#sightings.put({
      instanceId,
      spiffeId,
      addresses,
      hbonePort,
      ports,
      anyPort,
      softwareVersion,
      metrics,
      role,
      left: known.left || undefined,
      controlPlane: this.#id,
      connected,
      connectedSinceMs,
      lastSeenMs,
      bundleVersion,
      certificateSerial: known.provenSerial,
      certificateNotAfterMs: report.certificateNotAfterMs,
    });
  }

  /** All that are known, together with those that only the store knows (after a restart). */
  list(stored: ReadonlyMap<string, SidecarRecord>): readonly KnownSidecar[] {
    this.#forgetOld();
    const unknown = [...stored.values()].filter(({ instanceId }) => !this.#known.has(instanceId));
    return [
      ...Array.from(this.#known.values(), (known) => ({
        ...known,
        expected: known.connected || stored.has(known.record.instanceId),
      })),
      ...unknown.map((record) => Object.assign({ record }, NEVER_SEEN)),
    ];
  }

  #forgetOld(): void {
    this.#forgottenMs = this.#clock.monotonicMs();
    const oldestMs = this.#clock.monotonicMs() - REMEMBER_MS;
    for (const [instanceId, { connected }] of this.#known) {
      const isOld = (this.#seenMs.get(instanceId) ?? oldestMs) < oldestMs;
      if (connected || (!isOld && this.#known.size <= MAX_REMEMBERED)) continue;
      this.#known.delete(instanceId);
      this.#seenMs.delete(instanceId);
    }
  }
}
