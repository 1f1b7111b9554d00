import { X509Certificate } from 'node:crypto';
import { stateOf } from '../mesh/stolen-state.ts';
import type { IssuanceLog, Verification } from '../invariants/issuance-log.ts';
import type { Mesh } from '../mesh/mesh.ts';
import { MESHED } from '../plan/cast.ts';

/** Reads the issuance log as an operator does. */
export interface LogReader {
  /** Looks at what sidecars have. */
  look(): void;
  /** Verifies and lists the log; false when nobody answered, as while the store is away. */
  read(): Promise<boolean>;
}

/** Shorter than others: while the store is away there is no answer anyway. */
const DEADLINE_MS = 20_000;

/** Prepares it. */
export function createLogReader(mesh: Mesh, log: IssuanceLog): LogReader {
  async function ask<Document>(...command: string[]): Promise<Document | undefined> {
    const { stdout } = await mesh.operate([...command, '--json'], DEADLINE_MS).catch(noAnswer);
    return stdout === '' ? undefined : (JSON.parse(stdout) as Document);
  }
  return {
    look() {
      for (const host of MESHED) {
        const state = stateOf(mesh, host);
        if (state === undefined) continue;
        log.presented(host, serialOf(state.cert));
      }
    },
    async read() {
      const since = log.head === undefined ? [] : [`--head=${log.head}`];
      const verification = await ask<Verification>('certs', 'verify', ...since);
      if (verification !== undefined) log.verified(verification);
      log.asks();
      const list = await ask<{ readonly certificates: readonly { readonly serial: string }[] }>(
        'certs',
        '--limit=100000',
      );
      if (list === undefined) return false;
      log.listed(list.certificates.map(({ serial }) => serial));
      return verification !== undefined;
    },
  };
}

const noAnswer = (): { stdout: string } => ({ stdout: '' });

function serialOf(chain: string): string {
  return new X509Certificate(chain).serialNumber.toLowerCase();
}
