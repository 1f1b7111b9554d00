import { X509Certificate } from 'node:crypto';
import { stateOf } from '../mesh/stolen-state.ts';
import { nothingToHeal, targetOf, type Fault } from './fault.ts';

/**
 * The key of a sidecar was stolen, and the operator revokes its certificate; the sidecar itself joins again with
 * its token. Where the store is away the operator is told so, and nothing is revoked.
 */
export const revocation: Fault = async ({ mesh, onRevoked }, planned) => {
  const name = targetOf(planned);
  const stolen = stateOf(mesh, name);
  if (stolen === undefined) return nothingToHeal;
  const serial = new X509Certificate(stolen.cert).serialNumber.toLowerCase();
  const { code } = await mesh.operate(['revoke', serial]);
  if (code === 0) onRevoked(`${name}, whose certificate ${serial} is revoked,`, stolen);
  return nothingToHeal;
};
