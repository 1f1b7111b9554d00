// The release workflow, which a tag alone starts: what its steps call is there and takes their flags, and the steps that need
// no other machine run as they are written. That what they make works is in test/dist.
import { spawnSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { access, constants, mkdir, readdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { parse } from 'yaml';
import { z } from 'zod';
import { temporaryDirectory } from '../helpers/machine/temporary-directory.ts';

const ROOT = join(import.meta.dirname, '../..');

const step = z.strictObject({
  name: z.string().optional(),
  if: z.string().optional(),
  uses: z.string().optional(),
  with: z.record(z.string(), z.unknown()).optional(),
  run: z.string().optional(),
  env: z.record(z.string(), z.string()).optional(),
});
const workflow = z.strictObject({
  name: z.string(),
  on: z.strictObject({ push: z.strictObject({ tags: z.array(z.string()) }) }),
  permissions: z.record(z.string(), z.string()),
  jobs: z.record(
    z.string(),
    z.strictObject({
      needs: z.string().optional(),
      'runs-on': z.string(),
      'timeout-minutes': z.number().optional(),
      permissions: z.record(z.string(), z.string()).optional(),
      strategy: z
        .strictObject({
          matrix: z.strictObject({
            include: z.array(z.strictObject({ machine: z.string(), kinds: z.string() })),
          }),
        })
        .optional(),
      steps: z.array(step),
    }),
  ),
});

const { jobs } = workflow.parse(
  parse(await readFile(join(ROOT, '.github/workflows/release.yml'), 'utf8')),
);
const { scripts, version } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as {
  readonly scripts: Readonly<Record<string, string>>;
  readonly version: string;
};
const steps = Object.values(jobs).flatMap((job) => job.steps);
/** What the shells of the machines are given; an expression of the workflow is one word. */
const lines = steps.flatMap(({ run }) => (run === undefined ? [] : [withWords(run)]));

function withWords(run: string): string {
  return run.replaceAll(/\$\{\{.*?\}\}/g, 'WORD');
}

/** The text of a step, as a shell gets it. */
function lineOf(name: string): string {
  return withWords(steps.find((one) => one.name === name)?.run ?? 'exit 99');
}

test('jobs wait for jobs, and every step is one thing', (t) => {
  for (const { needs } of Object.values(jobs)) t.true(needs === undefined || needs in jobs, needs);
  for (const { uses, run } of steps) {
    t.is([uses, run].filter((one) => one !== undefined).length, 1);
    if (uses !== undefined) t.regex(uses, /^actions\/[a-z-]+@v\d+$/);
  }
});

test('every line is one that bash can read', (t) => {
  for (const line of lines) {
    const { status, stderr } = spawnSync('bash', ['-n'], { input: line, encoding: 'utf8' });
    t.is(status, 0, `${line}\n${stderr}`);
  }
});

test('the files and scripts that are called are there', async (t) => {
  const text = lines.join('\n');
  const programs = new Set(text.match(/(?<![\w/.])(?:tools|\.ci)\/[\w./-]+/g));
  t.true(programs.size >= 4, [...programs].join());
  for (const path of programs) {
    const mode = path.endsWith('.ts') ? constants.R_OK : constants.X_OK;
    await t.notThrowsAsync(access(join(ROOT, path), mode), path);
  }
  const called = [...text.matchAll(/npm run ([\w:]+)/g)].map(([, script = '']) => script);
  t.true(called.includes('dist'));
  for (const script of called) t.true(script in scripts, script);
  const dockerfile = await readFile(join(ROOT, 'Dockerfile'), 'utf8');
  for (const [, stage = ''] of text.matchAll(/docker build .*--target (\w+)/g)) {
    t.regex(dockerfile, new RegExp(`^FROM .* AS ${stage}$`, 'm'));
  }
});

test('what is made on each machine is what dist can make, with these flags', (t) => {
  const kinds = jobs['make']?.strategy?.matrix.include.flatMap((one) => one.kinds.split(' ')) ?? [];
  t.regex(lineOf('Make it twice'), /npm run dist -- \$flags --folder "\$RUNNER_TEMP/);
  const argv = ['tools/dist/main.ts', '--folder', '/nowhere', '--only', 'nothing'];
  const { stderr } = spawnSync(process.execPath, argv, { cwd: ROOT, encoding: 'utf8' });
  const [, list = ''] = /--only must be one of (.*), not nothing/.exec(stderr) ?? [];
  t.deepEqual(new Set(kinds), new Set(list.split(', ')), stderr);
});

test('a tag that is not the version is refused, and the one that is, is not', (t) => {
  const line = lineOf('The tag is the version');
  for (const [tag, status] of [
    [`v${version}`, 0],
    ['v0.0.0', 1],
  ] as const) {
    const env = { ...process.env, GITHUB_REF_NAME: tag };
    t.is(spawnSync('bash', ['-e', '-c', line], { cwd: ROOT, env }).status, status, tag);
  }
});

test('what is published is signed with the key, which does not stay', async (t) => {
  await using folder = await temporaryDirectory();
  for (const entry of await readdir(ROOT)) {
    if (entry !== 'dist') await symlink(join(ROOT, entry), join(folder.path, entry));
  }
  await mkdir(join(folder.path, 'dist'));
  await writeFile(join(folder.path, 'dist/file'), 'made elsewhere');
  const { privateKey } = generateKeyPairSync('ed25519');
  const env = {
    ...process.env,
    RELEASE_KEY: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    RUNNER_TEMP: folder.path,
  };
  const options = { cwd: folder.path, env, encoding: 'utf8' } as const;
  const { status, stderr } = spawnSync('bash', ['-e', '-c', lineOf('Sign')], options);
  t.is(status, 0, stderr);
  t.deepEqual((await readdir(join(folder.path, 'dist'))).toSorted(), [
    'SHA256SUMS',
    'SHA256SUMS.sig',
    'file',
  ]);
  t.false((await readdir(folder.path)).includes('release.key'));
});
