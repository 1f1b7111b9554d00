import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { parseSpiffeId } from '../../../common/pki/spiffe-id.ts';
import type { Authority, RootRotation } from '../../../proto/gen/hauberk/v1/admin.ts';
import { connectAdmin } from '../../../cli/admin/client.ts';
import { readAdminCredential } from '../../../cli/admin/credential.ts';
import { eventually } from '../../helpers/deadline.ts';
import type { Mesh } from '../../helpers/mesh/mesh.ts';

/** Asks the control plane as `hauberk ca status` does, without a process for each question. */
export async function caStatus({ controlPlane }: Mesh): Promise<Authority> {
  const address = { host: '127.0.0.1', port: controlPlane.grpcPort };
  const credential = readAdminCredential(path.join(controlPlane.dataDirectory, 'admin.pem'));
  const client = connectAdmin({ address, credential });
  try {
    return await client.getAuthority();
  } finally {
    await client.close();
  }
}

/** Waits until a rotation is in a phase, and waits for exactly these services. */
export function rotationIs(
  mesh: Mesh,
  what: string,
  wanted: { readonly phase: string; readonly blockers: readonly string[] },
): Promise<RootRotation> {
  let last: unknown;
  return eventually(
    what,
    async () => {
      const { rotation } = await caStatus(mesh);
      last = rotation;
      const names = rotation?.blockers
        .map(({ spiffeId }) => parseSpiffeId(spiffeId).service)
        .toSorted();
      const is = rotation?.phase === wanted.phase && isDeepStrictEqual(names, wanted.blockers);
      return is ? rotation : undefined;
    },
    60_000,
  ).catch((error: unknown) => {
    throw new Error(`${String(error)}; it was ${JSON.stringify(last)}`, { cause: error });
  });
}

/** Waits until no rotation is under way any more. */
export function rotationIsOver(mesh: Mesh): Promise<Authority> {
  return eventually(
    'the rotation of the root is over',
    async () => {
      const status = await caStatus(mesh);
      return status.rotation === undefined ? status : undefined;
    },
    60_000,
  );
}
