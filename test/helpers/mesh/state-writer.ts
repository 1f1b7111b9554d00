import { argv, stdout } from 'node:process';
import { systemClock } from '../../../common/clock.ts';
import { spiffeId } from '../../../common/pki/spiffe-id.ts';
import { openStateDirectory } from '../../../proxy/identity/state-directory.ts';

/*
 * A process of its own that reads the state in the directory given and writes it again and again,
 * until it is killed.
 */
const [, , path = ''] = argv;
const state = await openStateDirectory(path, systemClock);
const web = spiffeId({ trustDomain: 'mesh.local', namespace: 'shop', service: 'web' });
const stored = await state.load(web);
if (stored === undefined) throw new Error('expected a state to begin with');
for (let round = 0; ; round += 1) {
  await state.save(stored);
  if (round === 5) stdout.write('writing\n');
}
