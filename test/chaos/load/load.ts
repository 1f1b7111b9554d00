import type { Mesh } from '../mesh/mesh.ts';
import { startProgram } from '../mesh/program.ts';
import { applicationOf } from '../plan/cast.ts';
import type { WriteOutcome } from './write-outcome.ts';

/** Where the writers of a host write to, and on which local port of its sidecar. */
export const SERVICES = { orders: 9001, vault: 9002 } as const;

/** Starts the writers of a host, which are kept; `name` is what they say that they are. */
export function startWriter(
  mesh: Mesh,
  { host, marker }: { readonly host: string; readonly marker: string },
  onOutcome: (outcome: WriteOutcome) => void,
): void {
  const targets = Object.entries(SERVICES).map(([service, port]) => `${service}=${port}`);
  mesh.keep(applicationOf(host), () =>
    startProgram(mesh.host(host), ['writer', host, marker, ...targets], (line) => {
      // One that was killed may have left half a line: it has said nothing then.
      if (line.endsWith('}')) onOutcome(JSON.parse(line) as WriteOutcome);
    }),
  );
}
