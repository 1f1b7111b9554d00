// A project is read as Compose reads it: which files, merged how, with which variables, under which name.
import test from 'ava';
import { dirname, join, normalize } from 'node:path';
import { describeError } from '../../../common/errors.ts';
import { ComposeError } from '../../../cli/compose/compose-error.ts';
import { injectCompose, type Injection } from '../../../cli/compose/inject-compose.ts';
import { loadProject, type ProjectRequest } from '../../../cli/compose/source/load-project.ts';
import { servicesOf } from './compose-projects.ts';

type Folder = Readonly<Record<string, string>>;

/** Loads what stands under /p, and nowhere else. */
function load(contents: Folder, given: Partial<ProjectRequest> = {}) {
  const read = (path: string): string => {
    const text = contents[normalize(path)];
    if (text === undefined) throw new Error(`there is no file ${path}`);
    return text;
  };
  const files = {
    read,
    isFile: (path: string) => normalize(path) in contents,
    readStandardInput: () => read('-'),
  };
  const project = loadProject({
    named: [],
    folder: '/p',
    environment: {},
    envFiles: [],
    name: undefined,
    files,
    ...given,
  });
  return { project, read };
}

function inject(
  contents: Folder,
  given?: Partial<ProjectRequest>,
  outputFolder?: string,
): Injection {
  const { project, read } = load(contents, given);
  const to = outputFolder === undefined ? {} : { outputFolder };
  return injectCompose({
    project,
    ...to,
    image: undefined,
    keeper: false,
    composeV1: false,
    imageTest: () => [],
    readText: read,
  });
}

function output(...request: Parameters<typeof inject>): string {
  const { output: text, problems } = inject(...request);
  if (text === undefined) throw new Error(problems.map(describeError).join('; '));
  return text;
}

/** The sentence that it is refused with. */
function refusal(...request: Parameters<typeof inject>): string {
  try {
    return inject(...request)
      .problems.map(describeError)
      .join('; ');
  } catch (error) {
    if (error instanceof ComposeError) return describeError(error);
    throw error;
  }
}

const WEB = 'services:\n  web: { image: "web:1", ports: ["8080:80"] }\n';

test('without a file it takes the one of the folder, with its override', (t) => {
  const services = servicesOf(
    output({
      '/p/compose.yaml': WEB,
      '/p/compose.override.yaml':
        'services:\n  web: { image: "web:2", ports: ["8443:443"] }\n  more: { image: more }\n',
    }),
  );
  t.is(services['web']?.['image'], 'web:2');
  t.deepEqual(services['web-pod']?.['ports'], ['8080:80', '8443:443']);
  t.truthy(services['more-sidecar']);
});

test('a file of a folder above is found, and gives the project its name', (t) => {
  const { project } = load({ '/shop/docker-compose.yml': WEB }, { folder: '/shop/web/src' });
  t.is(project.folder, '/shop');
  t.is(project.name, 'shop');
});

test('without any file it says which it looked for', (t) => {
  t.regex(refusal({}), /there is no compose.yaml in \/p or a folder above it/);
});

test('a file that is named leaves its override out, as with Compose, and that is said', (t) => {
  const contents = { '/p/compose.yaml': WEB, '/p/docker-compose.override.yml': 'services: {}\n' };
  t.regex(
    load(contents, { named: ['compose.yaml'] }).project.notes.join(),
    /^docker-compose\.override\.yml is left out/,
  );
  t.deepEqual(load(contents).project.notes, []);
  t.deepEqual(load({ '/p/compose.yaml': WEB }, { named: ['compose.yaml'] }).project.notes, []);
});

test('one of several files may be empty, as projects leave one to be filled by others', (t) => {
  const contents = {
    '/p/a.yaml': WEB,
    '/p/b.yaml': '# Add your services here.\n',
    '/p/c.yaml': '',
  };
  const named = ['a.yaml', 'b.yaml', 'c.yaml'];
  t.is(servicesOf(output(contents, { named }))['web']?.['image'], 'web:1');
  t.regex(
    refusal(contents, { named: ['b.yaml'] }),
    /which has the services under the key "services"/,
  );
  t.regex(refusal({ ...contents, '/p/b.yaml': 'null\n' }, { named }), /which is a mapping/);
});

test('COMPOSE_FILE names the files, also in .env', (t) => {
  const contents = { '/p/a.yaml': WEB, '/p/b.yaml': 'services:\n  web: { image: "web:b" }\n' };
  for (const [files, environment] of [
    [contents, { COMPOSE_FILE: 'a.yaml:b.yaml' }],
    [contents, { COMPOSE_FILE: 'a.yaml,b.yaml', COMPOSE_PATH_SEPARATOR: ',' }],
    [{ ...contents, '/p/.env': 'COMPOSE_FILE=a.yaml:b.yaml\n' }, {}],
  ] as const) {
    t.is(servicesOf(output(files, { environment }))['web']?.['image'], 'web:b');
  }
});

test('standard input is a file of the folder', (t) => {
  const text = output({ '-': WEB, '/p/.env': 'COMPOSE_PROJECT_NAME=shop\n' }, { named: ['-'] });
  t.true(text.includes('--namespace=shop\n'));
});

test('the namespace is the name of the project, whatever gives it', (t) => {
  const named = { '/p/compose.yaml': `name: \${N:-inside}\n${WEB}`, '/p/.env': '' };
  t.is(load({ '/p/compose.yaml': WEB }).project.name, 'p');
  t.is(load(named).project.name, 'inside');
  t.is(load({ ...named, '/p/.env': 'N=Fi-le\n' }).project.name, 'fi-le');
  const environment = { COMPOSE_PROJECT_NAME: 'outside' };
  t.is(load(named, { environment }).project.name, 'outside');
  t.is(load(named, { environment, name: 'asked' }).project.name, 'asked');
  t.regex(
    refusal({ '/p/compose.yaml': `name: \${N}\n${WEB}` }),
    /^compose\.yaml:1: the name of the project is \$\{N\}, and N is not set; give the name with --project NAME/,
  );
});

test('variables come from the environment, then the files of variables, then their defaults', (t) => {
  const contents = {
    '/p/compose.yaml': 'services:\n  web: { image: web, deploy: { replicas: "${N:-2}" } }\n',
    '/p/more.env': 'N=4\n',
  };
  const count = (...request: Parameters<typeof inject>): number =>
    Object.keys(servicesOf(output(...request))).filter((name) => name.endsWith('-pod')).length;
  t.is(count(contents), 2);
  t.is(count({ ...contents, '/p/.env': 'N=3\n' }), 3);
  t.is(count({ ...contents, '/p/.env': 'N=3\n' }, { envFiles: ['more.env'] }), 4);
  t.is(count({ ...contents, '/p/.env': 'N=3\n' }, { environment: { N: '5' } }), 5);
  t.is(count({ ...contents, '/p/.env': 'A=1\nN=${A}2\n' }), 12);
});

test('a port of the container that is a variable with a value is let in, and the report says why', (t) => {
  const contents = {
    '/p/compose.yaml': 'services:\n  web: { image: web, ports: ["80:${PORT:-8080}"] }\n',
  };
  const { output: text = '', services } = inject(contents);
  t.true(text.includes('--ingress=8080\n'));
  t.deepEqual(servicesOf(text)['web-pod']?.['ports'], ['80:${PORT:-8080}']);
  t.true(services[0]?.notes.includes('decided by PORT=8080: inject again when that changes'));
});

test('what several files say is merged as Compose merges it', (t) => {
  const services = servicesOf(
    output(
      {
        '/p/a.yaml':
          'services:\n  web:\n    image: web\n    command: [a, b]\n    environment: { A: "1", B: "2" }\n    volumes: ["./a:/data", "logs:/logs"]\n    depends_on: [db]\n    labels: [x=1]\n  db: { image: db, expose: ["1"] }\nvolumes: { logs: }\n',
        '/p/b.yaml':
          'services:\n  web:\n    command: [c]\n    environment: ["B=3"]\n    volumes: ["./b:/data"]\n    depends_on: { cache: { condition: service_started } }\n    labels: { x: "2" }\n    restart: !reset null\n  db: { image: !override db2, expose: !override ["2"] }\n  cache: { image: cache }\nvolumes: { logs: { driver: local } }\n',
      },
      { named: ['a.yaml', 'b.yaml'] },
    ),
  );
  const { web, db } = services;
  t.deepEqual(web?.['command'], ['c']);
  t.deepEqual(web?.['environment'], { A: '1', B: '3' });
  t.deepEqual(web?.['volumes'], ['./b:/data', 'logs:/logs']);
  t.deepEqual(web?.['labels'], { x: '2' });
  t.deepEqual(Object.keys(web?.['depends_on'] as object).toSorted(), [
    'cache',
    'db',
    'web-sidecar',
  ]);
  t.false('restart' in (web ?? {}));
  t.is(db?.['image'], 'db2');
  t.deepEqual(services['db-pod']?.['expose'], ['2']);
});

test('mistakes are told with the file that they are in', (t) => {
  const contents = {
    '/p/a.yaml': WEB,
    '/p/b.yaml': '# first line\nservices:\n  web:\n    enviroment: {}\n',
  };
  t.regex(
    refusal(contents, { named: ['a.yaml', 'b.yaml'] }),
    /^b\.yaml:4: service web: the key "enviroment"/,
  );
});

const INCLUDED = {
  '/p/compose.yaml': `include: [lib/compose.yaml]\n${WEB}`,
  '/p/lib/compose.yaml':
    'services:\n  db:\n    image: "db:${TAG}"\n    env_file: db.env\n    build: { context: . }\n    volumes: ["./data:/data", "store:/store"]\nvolumes: { store: }\n',
  '/p/lib/.env': 'TAG=7\n',
} as const;

test('what a file includes is brought in, with its own folder and variables', (t) => {
  const { db, ...others } = servicesOf(output(INCLUDED));
  t.is(db?.['image'], 'db:7');
  t.is(db?.['env_file'], './lib/db.env');
  t.deepEqual(db?.['build'], { context: './lib' });
  t.deepEqual(db?.['volumes'], ['./lib/data:/data', 'store:/store']);
  t.truthy(others['db-sidecar']);
  // What the including project says comes before.
  t.is(servicesOf(output(INCLUDED, { environment: { TAG: '8' } }))['db']?.['image'], 'db:${TAG}');
});

test('a text with a variable of the included project is filled in as a whole', (t) => {
  const contents = {
    ...INCLUDED,
    '/p/lib/compose.yaml':
      'services:\n  db: { image: db, command: "a$${TAG} ${TAG} ${UNSET} ${UNSET:-b} ${OUTER}", user: "${UNSET}" }\n',
  };
  const { db } = servicesOf(output(contents, { environment: { OUTER: '$x' } }));
  t.like(db, { command: 'a$${TAG} 7  b $$x', user: '${UNSET}' });
});

test('names in files of variables may be of any kind', (t) => {
  const named = { '/p/compose.yaml': `name: \${N}\n${WEB}`, '/p/.env': "A(.*=1\nN='shop-$$x'\n" };
  t.is(load(named).project.name, 'shop-x');
});

test('an include in its long form names files, folder and variables', (t) => {
  const contents = {
    '/p/compose.yaml': `include:\n  - { path: [x/a.yaml, x/b.yaml], project_directory: y, env_file: z.env }\n${WEB}`,
    '/p/x/a.yaml': 'services:\n  db: { image: "db:${TAG}", env_file: [db.env] }\n',
    '/p/x/b.yaml': 'services:\n  db: { user: "5" }\n',
    '/p/z.env': 'TAG=9\n',
  };
  const { db } = servicesOf(output(contents));
  t.like(db, { image: 'db:9', env_file: ['./y/db.env'], user: '5' });
});

test('an include that cannot be followed is refused', (t) => {
  const including = (entry: string, other = ''): Folder => ({
    '/p/compose.yaml': `include: [${entry}]\n${WEB}`,
    '/p/other.yaml': other,
  });
  t.regex(
    refusal(including('other.yaml', 'include: [other.yaml]\n')),
    /other\.yaml includes itself; break the circle/,
  );
  t.regex(
    refusal(including('other.yaml', 'services:\n  web: { image: other }\n')),
    /^compose\.yaml:1: services\.web is here and, as another one, in other\.yaml:2, which is included; rename one of them/,
  );
  t.regex(
    refusal(including('"https://example.com/x.git"')),
    /is not fetched: put it into a file first/,
  );
});

test('what an extended file decides is written out, with its paths', (t) => {
  const contents = {
    '/p/compose.yaml':
      'services:\n  web: { extends: { file: lib/base.yaml, service: web }, image: web }\n',
    '/p/lib/base.yaml':
      'services:\n  web: { extends: root, ports: ["8080:80"], env_file: web.env }\n  root: { user: "7" }\n',
  };
  const services = servicesOf(output(contents));
  t.like(services['web'], { image: 'web', user: '7', env_file: './lib/web.env' });
  t.false('extends' in (services['web'] ?? {}));
  t.deepEqual(services['web-pod']?.['ports'], ['8080:80']);
});

test('a file that is written into another folder leads to the same places, under the same name', (t) => {
  const contents = {
    '/p/compose.yaml':
      'services:\n  web:\n    image: web\n    build: .\n    env_file: [web.env, /etc/web.env]\n    volumes: ["./data:/data", "/var:/var", "named:/named", "${D:-./d}:/d"]\nvolumes: { named: }\nsecrets: { key: { file: key.pem } }\n',
  };
  const text = output(contents, {}, '/p/build/out');
  const { web } = servicesOf(text);
  t.is(web?.['build'], '../..');
  t.deepEqual(web?.['env_file'], ['../../web.env', '/etc/web.env']);
  t.deepEqual(web?.['volumes'], [
    '../../data:/data',
    '/var:/var',
    'named:/named',
    '../../${D:-./d}:/d',
  ]);
  t.true(text.includes('../../key.pem'));
  t.regex(text, /^name: p$/m);
  t.false(output(contents, {}, '/p').includes('name: p'));
  t.is(dirname(join('/p/build/out', '../../web.env')), '/p');
});
