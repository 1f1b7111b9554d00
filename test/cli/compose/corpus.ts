import { globSync, readFileSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { parse } from 'yaml';
import { describeError } from '../../../common/errors.ts';
import { injectCompose } from '../../../cli/compose/inject-compose.ts';
import { loadProject } from '../../../cli/compose/source/load-project.ts';

/** The files of the corpus: each a mapping of titles to Compose files. */
const FOLDER = join(import.meta.dirname, 'corpus');

/** What the variables of the corpus are taken from; all others are not set. */
export const ENVIRONMENT = { SET: '7', EMPTY: '', HOME: '/root' } as const;

/** Files that projects of the corpus name. */
export const BESIDE: Readonly<Record<string, string>> = {
  'web.env': 'FROM_FILE=1\n',
  'web.labels': 'from=file\n',
  'web.conf': '\n',
  'key.pem': '\n',
  'base.yaml':
    'services:\n  plain: { environment: { A: "1" }, env_file: web.env }\n  published: { image: base, ports: ["80:80"], volumes: ["./data:/data"] }\n  further: { extends: { file: deeper/base.yaml, service: root }, expose: ["1"] }\n  listening: { ports: [{ name: trapper, target: 10051, published: "${TRAPPER_PORT:-10051}" }], networks: { default: { aliases: [listening] }, store: } }\n',
  'deeper/base.yaml':
    'services:\n  root: { image: root, networks: [default], env_file: root.env }\n',
  'deeper/root.env': 'ROOT=1\n',
  'included/compose.yaml':
    'services:\n  inner: { image: "inner:${TAG:-0}", env_file: inner.env, volumes: ["./data:/data", "kept:/kept"], ports: ["${PORT:-90}:90"] }\nvolumes: { kept: }\n',
  'included/.env': 'TAG=5\n',
  'included/other.env': 'TAG=6\n',
  'included/inner.env': 'INNER=1\n',
};

/** A project of the corpus. */
export interface CorpusProject {
  /** FILE: TITLE. */
  readonly title: string;
  readonly text: string;
}

/** Every project. */
export const CORPUS: readonly CorpusProject[] = globSync('*.yaml', { cwd: FOLDER })
  .toSorted()
  .flatMap((file) => {
    const projects = parse(readFileSync(join(FOLDER, file), 'utf8')) as Record<string, string>;
    const topic = basename(file, '.yaml');
    return Object.entries(projects).map(([title, text]) => ({ title: `${topic}: ${title}`, text }));
  });

/** Where the projects are thought to stand. */
const PLACE = '/shop';

/** Injects a project. @throws Error that lists what is wrong */
export function injectCorpus(text: string): string {
  const contents = new Map(
    Object.entries({ ...BESIDE, 'compose.yaml': text }).map(([path, kept]) => [
      resolve(PLACE, path),
      kept,
    ]),
  );
  const read = (path: string): string => {
    const kept = contents.get(path);
    if (kept === undefined) throw new Error(`there is no file ${path}`);
    return kept;
  };
  const project = loadProject({
    named: [],
    folder: PLACE,
    environment: ENVIRONMENT,
    envFiles: [],
    name: undefined,
    files: { read, isFile: (path) => contents.has(path), readStandardInput: () => '' },
  });
  const { output, problems } = injectCompose({
    project,
    image: undefined,
    keeper: false,
    composeV1: false,
    imageTest: () => [],
    readText: read,
  });
  if (output !== undefined) return output;
  throw new Error(problems.map(describeError).join('; '));
}
