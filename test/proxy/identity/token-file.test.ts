// The file with the join token, which others write and replace: it is waited for, and read again
// before each try, so that whoever starts first does not matter.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { ConfigError } from '../../../common/config/config-error.ts';
import { RpcError } from '../../../common/rpc/rpc-error.ts';
import { tokenInFile } from '../../../proxy/identity/token-source.ts';
import { eventually, within } from '../../helpers/deadline.ts';
import { identityUnderTest, tokenFor } from '../../helpers/mesh/identity-under-test.ts';
import { temporaryDirectory } from '../../helpers/machine/temporary-directory.ts';
import { createTestAuthority } from '../../helpers/mesh/test-authority.ts';
import { startTestControlPlane } from '../../helpers/mesh/test-control-plane.ts';

const authority = createTestAuthority();
const token = tokenFor(authority);
/** Of a mesh that is gone. */
const stale = tokenFor(createTestAuthority());

test('a token that is not there yet is waited for, in few lines', async (t) => {
  await using directory = await temporaryDirectory();
  await using controlPlane = await startTestControlPlane({ authority });
  const path = join(directory.path, 'token');
  const world = identityUnderTest();
  const stateDirectory = join(directory.path, 'state');
  const enrolment = world.create({ controlPlane, tokens: tokenInFile(path), stateDirectory });
  const paused = (): true | undefined => (world.clock.pending.length > 0 ? true : undefined);
  for (let looks = 0; looks < 20; looks += 1) {
    await eventually('the pause before the next look', paused);
    await world.clock.advance(500);
  }
  const waiting = world.log.of('enrolment-waiting');
  t.true(waiting.length >= 2 && waiting.length <= 3, `${waiting.length} lines in 10 s`);
  t.like(waiting[0], { reason: 'token-missing', path });
  t.regex(waiting[0]?.msg ?? '', /hauberk token create .*shop.*web/);
  t.is(controlPlane.issues.length, 0);

  await writeFile(path, '');
  await eventually('the pause before the next look', paused);
  await world.clock.advance(500);
  t.is(controlPlane.issues.length, 0, 'an empty file is one that is being written');

  await writeFile(path, `${token}\n`);
  await eventually('the pause before the last look', paused);
  await world.clock.advance(500);
  const manager = await within('enrolment', enrolment);
  t.is(controlPlane.issues[0]?.request.joinToken, token);
  await manager.close();

  const restored = await world.create({ controlPlane, tokens: tokenInFile(path), stateDirectory });
  t.is(controlPlane.issues.length, 1, 'with a certificate the token is not needed');
  await restored.close();
});

test('a refused token is final, unless its file holds another one by then', async (t) => {
  await using directory = await temporaryDirectory();
  await using controlPlane = await startTestControlPlane({ authority });
  const path = join(directory.path, 'token');
  const settings = { controlPlane, stateDirectory: join(directory.path, 'state') };
  const file = tokenInFile(path);
  await writeFile(path, stale);
  const refused = t.throwsAsync(identityUnderTest().create({ ...settings, tokens: file }), {
    instanceOf: RpcError,
  });
  t.is((await within('the refusal', refused)).code, 'token-wrong-root');

  const world = identityUnderTest();
  const tokens = {
    ...file,
    async read() {
      const now = await file.read();
      await writeFile(path, token);
      return now;
    },
  };
  const enrolment = world.create({ ...settings, tokens });
  await eventually('the pause before the second try', () =>
    world.log.of('enrolment-waiting').length > 0 ? true : undefined,
  );
  await world.clock.advance(500);
  const manager = await within('enrolment', enrolment);
  t.like(world.log.of('enrolment-waiting')[0], { reason: 'token-wrong-root' });
  t.is(controlPlane.issues[0]?.request.joinToken, token);
  await manager.close();
});

test('a token file that cannot be read is an error at once', async (t) => {
  await using directory = await temporaryDirectory();
  const path = join(directory.path, 'folder');
  await mkdir(path);
  const { create } = identityUnderTest();
  const stateDirectory = join(directory.path, 'state');
  const error = await t.throwsAsync(create({ tokens: tokenInFile(path), stateDirectory }), {
    instanceOf: ConfigError,
  });
  t.is(error.code, 'file-unreadable');
});
