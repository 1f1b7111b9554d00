import {
  abort,
  abortRefusal,
  advance,
  begin,
  trustedRoots,
  type RootDigest,
  type Trust,
} from '../../../../control-plane/ca/authorities/trust.ts';
import {
  judge,
  type LoggedCertificate,
  type RotationState,
  type Progress,
} from '../../../../control-plane/ca/rotation/progress.ts';

/** What a sidecar does, or what happens to it. */
export type Step =
  | 'deliver'
  | 'acknowledge'
  | 'ask-renewal'
  | 'take-renewal'
  | 'lose-renewal'
  | 'part'
  | 'return'
  | 'die';

/** What can happen in a mesh while its root changes. */
export type ModelEvent =
  | { readonly kind: 'begin'; readonly bridged: boolean }
  | { readonly kind: 'abort' | 'judge' | 'crash' | 'join' }
  | { readonly kind: 'pass'; readonly ms: number }
  | { readonly kind: 'sidecar'; readonly step: Step; readonly at: number };

interface Leaf {
  readonly serial: string;
  readonly root: RootDigest;
  readonly notAfterMs: number;
  /** The root that vouches for `root` in the chain that is presented. */
  readonly vouchedBy: RootDigest | undefined;
  /** Came in the same answer. */
  readonly bundle: Bundle;
}

interface Bundle {
  readonly version: number;
  readonly roots: readonly RootDigest[];
}

interface Sidecar {
  readonly instanceId: string;
  leaf: Leaf;
  bundle: Bundle;
  /** On its way to the sidecar. */
  renewal: Leaf | undefined;
  connected: boolean;
}

interface Registered {
  connected: boolean;
  bundleVersion: number;
  serial: string;
  lostMs: number;
}

const LIFETIME_MS = 100;
/** A few steps longer than a sidecar that is lost is expected. */
const PATIENCE_MS = 50;

const EXPECTED_MS = 15;

/**
 * A mesh in which everything that matters to trust happens, in any order: sidecars that come, go, are
 * cut off from the control plane and still talk to each other, answers that get lost, and a control
 * plane that is killed at any moment and knows only what is in its store.
 */
export class RotationModel {
  nowMs = 1_000;
  trust: Trust = { bundleVersion: 1, signing: 'root-0' };
  readonly sidecars: Sidecar[] = [];
  /** The issuance log. */
  readonly log: LoggedCertificate[] = [];
  /** In memory, and the registrations that the store keeps for a while. */
  #registry = new Map<string, Registered>();
  #count = 0;

  constructor(sidecars: number) {
    for (let at = 0; at < sidecars; at += 1) this.#join();
  }

  apply(event: ModelEvent): void {
    switch (event.kind) {
      case 'begin':
        if (this.trust.rotation === undefined) this.#begin(event.bridged);
        return;
      case 'abort':
        if (abortRefusal(this.trust) === undefined) this.trust = abort(this.trust, this.nowMs);
        return;
      case 'judge':
        if (this.progress()?.complete === true) this.trust = advance(this.trust, this.nowMs);
        return;
      case 'crash':
        for (const sidecar of this.sidecars) this.#part(sidecar);
        for (const registered of this.#registry.values()) {
          registered.bundleVersion = 0;
          registered.serial = '';
          registered.lostMs = this.nowMs;
        }
        return;
      case 'join':
        this.#join();
        return;
      case 'pass':
        this.nowMs += event.ms;
        for (const sidecar of this.sidecars) if (this.#expired(sidecar)) this.#part(sidecar);
        return;
      case 'sidecar': {
        const sidecar = this.sidecars[event.at % Math.max(this.sidecars.length, 1)];
        if (sidecar !== undefined) this.#applyTo(sidecar, event.step);
      }
    }
  }

  progress(): Progress | undefined {
    const { rotation } = this.trust;
    return rotation === undefined ? undefined : judge(rotation, this.facts());
  }

  facts(): RotationState {
    return {
      nowMs: this.nowMs,
      certificates: this.log,
      overdue: this.nowMs - (this.trust.rotation?.phaseStartedMs ?? this.nowMs) >= PATIENCE_MS,
      sidecars: [...this.#registry].map(([instanceId, registered]) => ({
        instanceId,
        spiffeId: instanceId,
        connected: registered.connected,
        expected: registered.connected || this.nowMs - registered.lostMs < EXPECTED_MS,
        bundleVersion: registered.bundleVersion,
        certificateSerial: registered.serial,
      })),
    };
  }

  /** Pairs of which the first does not believe the second, both with valid certificates. */
  strangers(): string[] {
    const alive = this.sidecars.filter((sidecar) => !this.#expired(sidecar));
    return alive.flatMap((verifier) =>
      alive
        .filter(({ leaf }) => !believes(verifier.bundle, leaf))
        .map(
          ({ instanceId, leaf }) =>
            `${verifier.instanceId} does not believe ${instanceId} under ${leaf.root}`,
        ),
    );
  }

  /** Everything that is not lost happens, until nothing is left to do. */
  settle(): void {
    const steps = ['return', 'ask-renewal', 'take-renewal', 'deliver', 'acknowledge'] as const;
    for (let round = 0; round < 6; round += 1) {
      for (const at of this.sidecars.keys())
        for (const step of steps) this.apply({ kind: 'sidecar', step, at });
      this.apply({ kind: 'judge' });
      this.apply({ kind: 'pass', ms: LIFETIME_MS / 3 });
    }
  }

  #begin(bridged: boolean): void {
    const to = `root-${this.trust.bundleVersion}`;
    this.trust = begin(this.trust, to, { nowMs: this.nowMs, bridged });
  }

  #bundle(): Bundle {
    return { version: this.trust.bundleVersion, roots: trustedRoots(this.trust) };
  }

  #issue(instanceId: string, replaces: string | undefined): Leaf {
    const { signing, rotation } = this.trust;
    this.#count += 1;
    const serial = `serial-${this.#count}`;
    const notAfterMs = this.nowMs + LIFETIME_MS;
    this.log.push({
      serial,
      spiffeId: instanceId,
      root: signing,
      issuedMs: this.nowMs,
      notAfterMs,
      replaces,
    });
    // The weakest that there is: in the other direction nobody needs a cross-signature.
    const bridged = rotation?.phase === 'signing' && rotation.bridged && !rotation.returning;
    const vouchedBy = bridged ? rotation.from : undefined;
    return { serial, root: signing, notAfterMs, vouchedBy, bundle: this.#bundle() };
  }

  #join(): void {
    const instanceId = `sidecar-${this.sidecars.length}`;
    const leaf = this.#issue(instanceId, undefined);
    const sidecar = { instanceId, leaf, bundle: leaf.bundle, renewal: undefined, connected: false };
    this.sidecars.push(sidecar);
  }

  #applyTo(sidecar: Sidecar, step: Step): void {
    const { connected, instanceId, leaf, renewal } = sidecar;
    const registered = this.#registry.get(instanceId);
    switch (step) {
      case 'deliver':
        if (connected) sidecar.bundle = newer(sidecar.bundle, this.#bundle());
        return;
      case 'acknowledge':
        if (connected && registered) registered.bundleVersion = sidecar.bundle.version;
        return;
      case 'ask-renewal':
        if (!this.#expired(sidecar)) sidecar.renewal = this.#issue(instanceId, leaf.serial);
        return;
      case 'take-renewal':
        if (renewal === undefined || this.#expired(sidecar)) return;
        sidecar.leaf = renewal;
        sidecar.bundle = newer(sidecar.bundle, renewal.bundle);
        sidecar.renewal = undefined;
        // The stream is made anew with the next certificate.
        if (connected) this.#connect(sidecar);
        return;
      case 'lose-renewal':
        sidecar.renewal = undefined;
        return;
      case 'part':
        this.#part(sidecar);
        return;
      case 'return':
        if (!this.#expired(sidecar)) this.#connect(sidecar);
        return;
      case 'die':
        this.#part(sidecar);
        sidecar.leaf = { ...leaf, notAfterMs: 0 };
        return;
    }
  }

  #connect(sidecar: Sidecar): void {
    sidecar.connected = true;
    const { instanceId, leaf } = sidecar;
    const fresh = { connected: true, bundleVersion: 0, serial: leaf.serial, lostMs: 0 };
    this.#registry.set(instanceId, fresh);
  }

  #part(sidecar: Sidecar): void {
    if (!sidecar.connected) return;
    sidecar.connected = false;
    const registered = this.#registry.get(sidecar.instanceId);
    if (registered === undefined) return;
    registered.connected = false;
    registered.lostMs = this.nowMs;
  }

  #expired({ leaf }: Sidecar): boolean {
    return leaf.notAfterMs <= this.nowMs;
  }
}

function believes({ roots }: Bundle, { root, vouchedBy }: Leaf): boolean {
  return roots.includes(root) || (vouchedBy !== undefined && roots.includes(vouchedBy));
}

function newer(a: Bundle, b: Bundle): Bundle {
  return b.version > a.version ? b : a;
}
