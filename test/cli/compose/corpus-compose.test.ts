// Compose v2 itself reads each project of the corpus before and after inject, and finds the same in it, field by
// field: at the application, or at its pod what belongs to the network.
import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import type { ExecutionContext } from 'ava';
import { requiresPeer } from '../../helpers/machine/requirements.ts';
import { temporaryDirectory } from '../../helpers/machine/temporary-directory.ts';
import { withoutNetworkCheck } from './compose-projects.ts';
import { BESIDE, CORPUS, ENVIRONMENT, injectCorpus } from './corpus.ts';

const V2 = 'docker-compose-v2';
const run = promisify(execFile);

type Fields = Readonly<Record<string, unknown>>;

interface Config {
  readonly name: string;
  readonly services: Readonly<Record<string, Fields>>;
  readonly networks?: Fields;
  readonly volumes?: Fields;
  readonly configs?: Fields;
  readonly secrets?: Fields;
}

/** What moves to the pod as it is. */
const MOVED = [
  'ports',
  'expose',
  'hostname',
  'domainname',
  'dns',
  'dns_search',
  'dns_opt',
  'extra_hosts',
];
/** What moves to the pod in another form, or is said in another way; layout.test.ts looks at it. */
const CHANGED = new Set(
  `${MOVED.join(' ')} networks links external_links mac_address network_mode depends_on scale
  container_name sysctls deploy x-hauberk x-hauberk-injected`.split(/\s+/),
);

const TOPICS = Map.groupBy(CORPUS, ({ title }) => title.replace(/:.*/, ''));

for (const [topic, projects] of TOPICS) {
  requiresPeer(V2)(`Compose finds the same before and after: ${topic}`, async (t) => {
    for (const { title, text } of projects) await compare(t, title, text);
  });
}

async function compare(t: ExecutionContext, title: string, text: string): Promise<void> {
  await using folder = await temporaryDirectory();
  const files = { ...BESIDE, 'compose.yaml': text, 'mesh.yaml': injectCorpus(text) };
  for (const [path, kept] of Object.entries(files)) {
    await mkdir(dirname(join(folder.path, path)), { recursive: true });
    await writeFile(join(folder.path, path), kept);
  }
  const before = await configOf(folder.path, 'compose.yaml');
  const after = await configOf(folder.path, 'mesh.yaml');
  t.is(after.name, before.name, title);
  for (const section of ['networks', 'configs', 'secrets'] as const) {
    t.deepEqual(after[section] ?? {}, before[section] ?? {}, `${title}: ${section}`);
  }
  for (const [name, volume] of Object.entries(before.volumes ?? {})) {
    t.deepEqual(after.volumes?.[name], volume, `${title}: volumes: ${name}`);
  }
  for (const [name, fields] of Object.entries(before.services)) {
    const found = after.services[name] ?? {};
    for (const [key, value] of Object.entries(fields)) {
      if (!CHANGED.has(key))
        t.deepEqual(withoutNetworkCheck(found[key]), value, `${title}: ${name}: ${key}`);
    }
    const pod = after.services[`${name}-pod`];
    for (const key of pod === undefined ? [] : MOVED) {
      t.deepEqual(pod?.[key], fields[key], `${title}: ${name}-pod: ${key}`);
    }
    // What there was to wait for is waited for; Compose adds what links and the like imply.
    const dependencies = found['depends_on'] as Fields;
    for (const [other, how] of Object.entries((fields['depends_on'] ?? {}) as Fields)) {
      if (!(other in after.services)) continue;
      t.like(dependencies[other], how as object, `${title}: ${name}: ${other}`);
    }
  }
}

async function configOf(folder: string, file: string): Promise<Config> {
  const env = { PATH: process.env['PATH'], ...ENVIRONMENT };
  const profiles = ['--profile', '*'];
  const args = ['--project-name', 'shop', '-f', file, ...profiles, 'config', '--format', 'json'];
  const { stdout } = await run(V2, args, { cwd: folder, env, maxBuffer: 16 << 20 });
  return JSON.parse(stdout) as Config;
}
