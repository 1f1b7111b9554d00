import type { EventKind } from '../answers/events.ts';

/** Lines of the log that tell a person something about the mesh, whatever their level is. */
const EVENTS: Readonly<Record<Exclude<EventKind, 'other'>, readonly string[]>> = {
  certificates: [
    'authority-near-end',
    'issue-refused',
    'issuer-installed',
    'issuer-renewal-failed',
    'issuer-renewed',
    'issuing-without-store',
    'journal-brought-in',
    'own-certificate-renewal-failed',
    'renewal-not-in-log',
    'root-removed',
    'root-rotation-phase',
    'root-rotation-resumed',
    'root-rotation-stuck',
    'roots-added',
    'upstream-issuer-installed',
    'upstream-issuer-refused',
  ],
  refusals: [
    'admin-refused',
    'connection-failed',
    'dashboard-refused',
    'handshake-refused',
    'http-refused',
    'record-flood',
    'sync-refused',
  ],
  addresses: ['address-conflict', 'address-conflict-ended', 'endpoint-damped'],
  configuration: [
    'mesh-config-changed',
    'mesh-config-file-differs',
    'mesh-config-invalid',
    'mesh-config-skipped',
  ],
  sidecars: ['sidecar-connected', 'sidecar-left', 'sidecar-lost', 'streams-delayed'],
  'control planes': [
    'announcement-failed',
    'control-plane-came',
    'control-plane-gone',
    'leader-elected',
    'leader-lost',
    'store-not-writable',
    'store-writable',
    'watch-caught-up',
    'watch-interrupted',
  ],
  operators: [
    'dashboard-change',
    'dashboard-signed-in',
    'federated',
    'federation-ended',
    'readmitted',
    'revoked',
    'tap-ended',
    'tap-started',
    'token-created',
    'token-revoked',
  ],
};

const KINDS: ReadonlyMap<string, EventKind> = new Map(
  (Object.keys(EVENTS) as (keyof typeof EVENTS)[]).flatMap((kind) =>
    EVENTS[kind].map((event) => [event, kind] as const),
  ),
);

/** What a line of the log is about; undefined for what only a program wants to know. */
export function kindOfEvent(
  event: string,
  level: 'info' | 'warn' | 'error',
): EventKind | undefined {
  return KINDS.get(event) ?? (level === 'info' ? undefined : 'other');
}
