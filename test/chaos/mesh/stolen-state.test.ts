import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { toPem } from '../../../common/pki/pem.ts';
import { temporaryDirectory } from '../../helpers/machine/temporary-directory.ts';
import { createTestAuthority } from '../../helpers/mesh/test-authority.ts';
import type { Mesh } from './mesh.ts';
import { stateOf } from './stolen-state.ts';

test('what was stolen is used while it is whole: a fault may have changed a byte of it', async (t) => {
  await using directory = await temporaryDirectory();
  const mesh = { stateDirectory: () => directory.path } as unknown as Mesh;
  const { privateKey, chain } = createTestAuthority().workload('shop', 'web');
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const cert = toPem(chain);
  const path = join(directory.path, 'identity.json');
  const write = (state: unknown): Promise<void> => writeFile(path, JSON.stringify(state));

  t.is(stateOf(mesh, 'web-0'), undefined, 'there is none yet');
  await write({ privateKey: key, chain: cert });
  t.deepEqual(stateOf(mesh, 'web-0'), { key, cert });
  const damaged = `${cert.slice(0, 80)}!${cert.slice(81)}`;
  await write({ privateKey: key, chain: damaged });
  t.is(stateOf(mesh, 'web-0'), undefined);
});
