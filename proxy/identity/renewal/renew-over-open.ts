import type { X509Certificate } from 'node:crypto';
import { isAboutServer, isRefusal, RpcError } from '../../../common/rpc/rpc-error.ts';
import { issue } from '../issue.ts';
import type { IdentityManagerSettings } from '../manager-settings.ts';
import type { OpenConnection } from './open-connection.ts';
import type { WorkloadIdentity } from '../source.ts';

/** A connection that broke unnoticed must leave time for a try over another one. */
const SHARE_OF_TRY = 1 / 2;

/**
 * Asks for a new certificate over the connection that is open, which costs the control plane no handshake. It judges
 * the certificate of the connection at each call: one that has expired since, or was revoked, is refused.
 *
 * @returns undefined when there is no such connection, or the call says nothing about this sidecar: to be tried over another
 * @throws RpcError what the control plane has decided
 */
export async function renewOverOpen(
  settings: IdentityManagerSettings,
  current: WorkloadIdentity,
  { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<WorkloadIdentity | undefined> {
  const { clock, controlPlanes, lifetimeMs, spiffeId } = settings;
  const open = settings.openConnection?.();
  if (open === undefined || !isOf(current, open)) return undefined;
  const { target: address, roots, channel: over } = open;
  const { trustDomain } = current.bundle;
  const channel = { address, trustDomain, roots };
  const within = { timeoutMs: timeoutMs * SHARE_OF_TRY, clock, signal };
  try {
    const next = await issue({ spiffeId, channel, over, lifetimeMs, ...within });
    controlPlanes.answered(address);
    return next;
  } catch (error) {
    if (signal.aborted) throw error;
    controlPlanes.failed(address, error);
    if (mayGoElsewhere(error, controlPlanes.count)) return undefined;
    throw error;
  }
}

/**
 * Whether it is what a connection that is made now would be: shown was the certificate in use, and the control plane was
 * believed by roots all of which are still believed.
 */
function isOf({ chain, bundle }: WorkloadIdentity, { leaf, roots }: OpenConnection): boolean {
  const believed = (root: X509Certificate): boolean =>
    bundle.roots.some((one) => one.raw.equals(root.raw));
  return leaf.raw.equals(chain[0].raw) && roots.every(believed);
}

function mayGoElsewhere(error: unknown, controlPlanes: number): boolean {
  if (!(error instanceof RpcError)) return false;
  // The stream that the connection is for has moved to another one.
  if (error.code === 'cancelled') return true;
  if (!isAboutServer(error)) return false;
  // One that has answered would answer the same over another connection.
  return !isRefusal(error.code) || controlPlanes > 1;
}
