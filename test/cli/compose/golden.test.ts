// Real-world projects, each beside the file that inject makes of it. To accept a change of what is
// written, run this file with HAUBERK_UPDATE_GOLDEN=1 and read the difference before it is committed.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { injected, injectProject, PROJECTS, PROJECTS_FOLDER } from './compose-projects.ts';

const UPDATE = process.env['HAUBERK_UPDATE_GOLDEN'] === '1';

test('the projects were found', (t) => t.true(PROJECTS.length >= 12, PROJECTS.join(', ')));

for (const name of PROJECTS) {
  test(`${name}: what is written is what was reviewed`, (t) => {
    const { output, problems } = injectProject(name);
    t.deepEqual(
      problems.map(({ message }) => message),
      [],
    );
    const golden = join(PROJECTS_FOLDER, `${name}.mesh.yaml`);
    if (UPDATE) writeFileSync(golden, output ?? '');
    t.is(output, readFileSync(golden, 'utf8'));
  });

  test(`${name}: inject changes nothing of what it wrote`, (t) => {
    const { output = '' } = injectProject(name);
    t.is(injected(output), output);
  });
}
