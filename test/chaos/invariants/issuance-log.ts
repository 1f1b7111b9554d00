import type { Break } from './violations.ts';

/** What `hauberk certs verify --json` says. */
export interface Verification {
  readonly entries: number;
  readonly head: string;
  readonly findings: readonly string[];
}

/** Judges the issuance log by what operators see of it, and by what sidecars have. */
export interface IssuanceLog {
  verified(verification: Verification): void;
  /** From now on the log is asked; what is presented later may not be in its answer. */
  asks(): void;
  /** The serials of `hauberk certs --json`, all of them. */
  listed(serials: readonly string[]): void;
  /** A sidecar has this certificate. */
  presented(host: string, serial: string): void;
  /** Certificates that sidecars had before the log was asked last, and that it does not have. */
  missing(): readonly string[];
  /** The end of the chain, for the next verification. */
  readonly head: string | undefined;
  readonly entries: number;
}

/** The log has no hole, loses nothing, has no serial twice, and has every certificate that a sidecar has. */
export function checkIssuanceLog(breaks: Break): IssuanceLog {
  let head: string | undefined;
  let entries = 0;
  let known: ReadonlySet<string> = new Set();
  let asked = 0;
  const said = new Set<string>();
  const unseen = new Map<string, { readonly host: string; readonly after: number }>();
  return {
    verified(verification) {
      for (const finding of verification.findings) {
        // The log goes on saying what it has found.
        if (!said.has(finding)) breaks(`the issuance log is not whole: ${finding}`);
        said.add(finding);
      }
      if (verification.entries < entries) {
        breaks(`the issuance log had ${entries} entries, and has ${verification.entries}`);
      }
      ({ head, entries } = verification);
    },
    listed(serials) {
      const now = new Set(serials);
      if (now.size < serials.length) {
        const twice = serials.filter((serial, at) => serials.indexOf(serial) !== at);
        breaks(`serials are in the issuance log twice: ${twice.join(', ')}`);
      }
      const gone = [...known].filter((serial) => !now.has(serial));
      if (gone.length > 0)
        breaks(`serials were in the issuance log, and are not: ${gone.join(', ')}`);
      known = now;
      for (const serial of now) unseen.delete(serial);
    },
    presented(host, serial) {
      if (!known.has(serial) && !unseen.has(serial)) unseen.set(serial, { host, after: asked });
    },
    asks() {
      asked += 1;
    },
    missing() {
      const early = [...unseen].filter(([, { after }]) => after < asked);
      return early.map(([serial, { host }]) => `${serial} of ${host}`);
    },
    get head() {
      return head;
    },
    get entries() {
      return entries;
    },
  };
}
