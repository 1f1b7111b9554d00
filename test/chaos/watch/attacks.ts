import { X509Certificate } from 'node:crypto';
import { stateOf } from '../mesh/stolen-state.ts';
import { EXPIRY_SLACK_MS, type CertificateUse } from '../invariants/expired-certificates.ts';
import type { Attempt } from '../invariants/forbidden-connections.ts';
import type { Mesh } from '../mesh/mesh.ts';
import type { Credential } from '../mesh/observer.ts';
import { RECORDERS } from '../plan/cast.ts';

/** What the attacks are judged by. */
export interface AttackJudges {
  tried(attempt: Attempt): void;
  used(use: CertificateUse): void;
}

/** An attacker on the network with keys that were stolen, who tries again and again. */
export interface Attacks {
  /** A revoked certificate; it must be refused by all from the next `settled` on. */
  revoked(who: string, credential: Credential): void;
  /** Every sidecar is connected and knows what was revoked. */
  settled(): void;
  /** Tries everything once. */
  round(): Promise<void>;
}

/** Older ones have long expired. */
const MAX_REVOKED = 4;

/** For so long after its expiry a stolen certificate is tried. */
const TRIED_AFTER_EXPIRY_MS = 20_000;

/** Whose certificates are stolen again and again, used until they expire, and tried after it. */
const STOLEN = ['web-0', 'intruder-0'] as const;
const ORDERS = RECORDERS.filter((host) => host.startsWith('orders'));

interface Revoked {
  readonly who: string;
  readonly credential: Credential;
  mustBeRefused: boolean;
}

interface Stolen {
  readonly credential: Credential;
  readonly notAfterMs: number;
}

/** Prepares them. */
export function createAttacks(mesh: Mesh, judges: AttackJudges): Attacks {
  const revoked: Revoked[] = [];
  const stolen = new Map<string, Stolen>();
  const address = (host: string): string => mesh.host(host).ipv4;

  async function tryRevoked({ who, credential, mustBeRefused }: Revoked): Promise<void> {
    if (!mustBeRefused) return;
    await Promise.all(
      RECORDERS.map(async (target) => {
        const answer = await mesh.observer.call(address(target), credential);
        judges.tried({ who, target, answer });
      }),
    );
  }

  async function tryForbidden(): Promise<void> {
    const credential = stateOf(mesh, 'intruder-0');
    if (credential === undefined) return;
    const answer = await mesh.observer.call(address('vault-0'), credential);
    judges.tried({ who: 'intruder-0, which a rule denies,', target: 'vault-0', answer });
  }

  async function useStolen(name: string): Promise<void> {
    const nowMs = Date.now();
    const held = stolen.get(name);
    if (held === undefined || nowMs > held.notAfterMs + TRIED_AFTER_EXPIRY_MS) {
      stolen.delete(name);
      await steal(name);
      return;
    }
    const { credential, notAfterMs } = held;
    // Before that a new connection would prove nothing new, and be a reason to keep the one that is held.
    if (nowMs < notAfterMs + EXPIRY_SLACK_MS) return;
    await Promise.all(
      ORDERS.map(async (target) => {
        const answer = await mesh.observer.call(address(target), credential);
        if (answer !== '200') return;
        judges.used({ target, notAfterMs, sentMs: nowMs, how: 'a new connection' });
      }),
    );
  }

  async function steal(name: string): Promise<void> {
    const credential = stateOf(mesh, name);
    if (credential === undefined) return;
    const notAfterMs = new X509Certificate(credential.cert).validToDate.getTime();
    stolen.set(name, { credential, notAfterMs });
    await Promise.all(
      ORDERS.map((target) =>
        mesh.observer.hold(address(target), credential, (sentMs) => {
          judges.used({ target, notAfterMs, sentMs, how: 'a connection from before' });
        }),
      ),
    );
  }

  return {
    revoked(who, credential) {
      revoked.push({ who, credential, mustBeRefused: false });
      if (revoked.length > MAX_REVOKED) revoked.shift();
    },
    settled() {
      for (const one of revoked) one.mustBeRefused = true;
    },
    async round() {
      await Promise.all([tryForbidden(), ...revoked.map(tryRevoked), ...STOLEN.map(useStolen)]);
    },
  };
}
