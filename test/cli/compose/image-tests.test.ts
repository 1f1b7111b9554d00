// What is asked of the Docker client, and what is made of its answers. That a real one understands it is in
// test/compose/verbs.test.ts.
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { imageTests } from '../../../cli/compose/image-tests.ts';
import { temporaryDirectory } from '../../helpers/machine/temporary-directory.ts';

/** What Compose leaves of a variable that is not set. */
const NO_REFERENCE = 'job:$TAG';

/** A client that notes what it is asked, and answers by the name of the image. */
const CLIENT = `#!/bin/sh
echo "$*" >>"$0.asked"
case $* in
*' -- checked') echo '{"Healthcheck":{"Test":["CMD","look"],"Interval":1}}' ;;
*' -- plain') echo '{"Cmd":["x"]}' ;;
*' -- odd') echo '[' ;;
*' -- job:$TAG') echo 'Error: invalid reference format' >&2; exit 1 ;;
*' -- gone') echo 'Error: No such image: gone' >&2; exit 1 ;;
*) echo 'Cannot connect to the Docker daemon' >&2; exit 1 ;;
esac
`;

test('an image is asked for its health check once', async (t) => {
  await using folder = await temporaryDirectory();
  const client = join(folder.path, 'docker');
  await writeFile(client, CLIENT, { mode: 0o755 });
  const testOf = imageTests({ PATH: folder.path });
  for (const _twice of [1, 2]) {
    t.deepEqual(testOf('checked'), ['CMD', 'look']);
    t.deepEqual(testOf('plain'), []);
    t.is(testOf('odd'), undefined);
    t.is(testOf(NO_REFERENCE), undefined);
    t.is(testOf('gone'), undefined);
  }
  t.is(testOf('down'), undefined);
  t.is(testOf('not asked, since no engine answers'), undefined);
  const asked = (await readFile(`${client}.asked`, 'utf8')).trim().split('\n');
  const question = 'image inspect --format {{json .Config}} --';
  const images = ['checked', 'plain', 'odd', NO_REFERENCE, 'gone', 'down'];
  t.deepEqual(
    asked,
    images.map((image) => `${question} ${image}`),
  );
});

test('without a client no image is known', (t) => {
  t.is(imageTests({ PATH: '/nowhere' })('nginx'), undefined);
});
