import { randomBytes } from 'node:crypto';
import { encodeBase36 } from '../../common/pki/base36.ts';

/** 40 bits: a mesh has a handful of control planes, and a dead one is forgotten within hours. */
const ID_BYTES = 5;
const ID_LENGTH = 8;

/** A name for one control plane from its start to its end: after a restart it is another one. */
export function makeControlPlaneId(): string {
  return encodeBase36(randomBytes(ID_BYTES), ID_LENGTH);
}
