// What inject reads of Dockerfiles and images, against what a Docker engine makes of them: the health check that it expects
// of a build is the one that the image then has, and one that is switched off is off.
import { randomBytes } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { imageTests } from '../../cli/compose/image-tests.ts';
import { builtTest } from '../../cli/compose/read/dockerfile.ts';
import { dockerEngine } from '../helpers/docker/docker-engine.ts';
import { BASE_IMAGE } from '../helpers/docker/base-image.ts';
import { runHauberk } from '../helpers/mesh/hauberk-process.ts';
import { requires } from '../helpers/machine/requirements.ts';
import { fileScope } from '../helpers/scope.ts';
import { temporaryDirectory } from '../helpers/machine/temporary-directory.ts';

const scope = fileScope();
const TIMEOUT_MS = 10 * 60_000;

/** Each with the stage and the arguments that it is built with. */
const DOCKERFILES: readonly (readonly [text: string, target?: string | undefined, arg?: string])[] =
  [
    [`FROM ${BASE_IMAGE}\nCMD ["x"]`],
    [`FROM ${BASE_IMAGE}\nCMD ["x"]\nHEALTHCHECK CMD curl -f http://localhost/ || exit 1`],
    [
      `FROM ${BASE_IMAGE}\nhealthcheck --interval=3s --retries=2 cmd [ "look", "a b", "\\"$HOME\\"" ]`,
    ],
    [`FROM ${BASE_IMAGE}\nHEALTHCHECK CMD ["look", 'no JSON']`],
    [`FROM ${BASE_IMAGE}\nHEALTHCHECK CMD a\nHEALTHCHECK NONE`],
    [`FROM ${BASE_IMAGE}\nHEALTHCHECK NONE\nHEALTHCHECK CMD $PORT \${PORT:-1} '$x'`],
    [`FROM ${BASE_IMAGE}\nHEALTHCHECK --timeout=3s \\\n  # between\n\n  CMD one \\\n    two   \n`],
    [`# escape=\`\nFROM ${BASE_IMAGE}\nHEALTHCHECK CMD one \`\n  two \\`],
    [
      `FROM scratch AS none\nLABEL a=b\nFROM ${BASE_IMAGE} AS one\nHEALTHCHECK CMD one\nFROM one AS Two\nENV A=b\nFROM two`,
    ],
    [
      `FROM ${BASE_IMAGE} AS one\nHEALTHCHECK CMD one\nFROM ${BASE_IMAGE} AS two\nHEALTHCHECK CMD two`,
      'one',
    ],
    [`ARG NAME=node\nARG IMAGE=\${NAME}:26-slim\nFROM $IMAGE AS stage\nENV A=b`],
    [
      `ARG STAGE=one\nFROM ${BASE_IMAGE} AS one\nHEALTHCHECK CMD one\nFROM ${BASE_IMAGE} AS two\nFROM $STAGE`,
      undefined,
      'STAGE=two',
    ],
    [`FROM ${BASE_IMAGE}\nENV A=b\\\\\nHEALTHCHECK CMD one`],
    [`# A comment.\n# escape=\`\nFROM ${BASE_IMAGE}\nENV A=\`\nHEALTHCHECK CMD one`],
    ['FROM BUILT-1\nENV A=b'],
    ['FROM BUILT-1\nHEALTHCHECK NONE'],
  ];

const test = requires('docker');

test('the health check of a build is the one that its image has', async (t) => {
  t.timeout(TIMEOUT_MS);
  const engine = await dockerEngine(scope);
  await using folder = await temporaryDirectory();
  const run = `hauberk-health-${randomBytes(4).toString('hex')}`;
  const images = DOCKERFILES.map((_, index) => `${run}-${index}`);
  scope.teardown(() => engine.docker('image', 'rm', '--force', ...images));
  for (const [index, [written, target, arg]] of DOCKERFILES.entries()) {
    const text = written.replace('BUILT', run);
    const image = images[index] ?? '';
    await writeFile(join(folder.path, 'Dockerfile'), `${text}\n`);
    const flags = [target && `--target=${target}`, arg && `--build-arg=${arg}`];
    const given = flags.filter((flag) => flag !== undefined);
    await engine.docker('build', '--quiet', ...given, '--tag', image, folder.path);
    const imageTest = imageTests(engine.env);
    const built = builtTest(text, {
      context: '.',
      dockerfile: 'Dockerfile',
      inline: undefined,
      target,
      args: new Map(arg === undefined ? [] : [arg.split('=') as [string, string]]),
      otherContexts: new Set(),
    });
    t.truthy(built, text);
    const expected = built?.kind === 'image' ? imageTest(built.image) : built?.test;
    t.deepEqual(expected, imageTest(image), text);
  }
  // Compose 1 without an engine that knows the image, then with it.
  const project = join(folder.path, 'shop');
  await mkdir(project);
  const file = join(project, 'compose.yaml');
  const mesh = join(project, 'mesh.yaml');
  const [, checked = ''] = images;
  await writeFile(file, `services: { web: { image: ${checked} } }`);
  const config = ['inspect', '--format', '{{json .Config.Healthcheck}}', `${run}_web_1`];
  const compose = ['--project-name', run, '--file', mesh];
  for (const [env, healthcheck] of [
    [{ PATH: '/nowhere' }, /^\{"Test":\["NONE"\]\}$/],
    [{ DOCKER_HOST: engine.env['DOCKER_HOST'] ?? '' }, /in-network \|\| exit 1; curl -f http/],
  ] as const) {
    const argv = [
      'inject',
      file,
      '--compose-v1',
      `--image=${checked}`,
      `--output=${mesh}`,
      `--project=${run}`,
    ];
    const { code, stderr } = await runHauberk(argv, { env });
    t.is(code, 0, stderr);
    try {
      await engine.compose(...compose, 'up', '--no-start');
      t.regex((await engine.docker(...config)).trim(), healthcheck);
    } finally {
      await engine.compose(...compose, 'down', '--volumes');
    }
  }
});
