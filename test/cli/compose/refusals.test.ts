// Each thing that inject refuses, with the sentence that a person reads, beside its nearest
// neighbour that is allowed. Sentences begin with file and line, and name the service.
import test from 'ava';
import { describeError } from '../../../common/errors.ts';
import { ComposeError } from '../../../cli/compose/compose-error.ts';
import { injectText } from './compose-projects.ts';

/** The sentences of everything that is wrong with a file. */
function sentences(text: string): readonly string[] {
  try {
    return injectText(text).problems.map(describeError);
  } catch (error) {
    if (error instanceof ComposeError) return [describeError(error)];
    throw error;
  }
}

const service = (body: string): string => `services:\n  web:\n    image: web\n    ${body}\n`;
const two = (web: string, api: string): string =>
  `services:\n  web:\n    image: web\n    ${web}\n  api:\n    image: api\n    ${api}\n`;

const CASES: readonly {
  readonly what: string;
  readonly refused: string;
  readonly says: string;
  readonly allowed: string;
}[] = [
  {
    what: 'what is not YAML',
    refused: 'services:\n  web: [image: web\n',
    says: 'compose.yaml:3: this is not valid YAML: ',
    allowed: 'services:\n  web: {image: web}\n',
  },
  {
    what: 'what is not a Compose file',
    refused: '- a\n- list\n',
    says: 'compose.yaml:1: a Compose file was expected, which is a mapping with the key "services"',
    allowed: service(''),
  },
  {
    what: 'a Compose file of the first version',
    refused: 'web:\n  image: web\n',
    says: 'compose.yaml:1: a Compose file was expected, which has the services under the key "services"',
    allowed: service(''),
  },
  {
    what: 'nothing to mesh',
    refused: service('network_mode: none'),
    says: 'compose.yaml:1: the file has no service to add to the mesh',
    allowed: two('network_mode: none', ''),
  },
  {
    what: 'an unknown key of a service',
    refused: service('enviroment: {A: b}'),
    says: 'compose.yaml:4: service web: the key "enviroment" is not one of the Compose specification; did you mean environment?',
    allowed: service('environment: {A: b}'),
  },
  {
    what: 'a form of a value that neither has a variable nor fits',
    refused: two('depends_on: {api: {condition: service_started, required: maybe}}', ''),
    says: 'compose.yaml:4: service web: depends_on.api.required must be boolean, says the Compose specification',
    allowed: two(
      'depends_on: {api: {condition: service_started, required: "${A:-true}", restart: "${B:-no}"}}',
      'networks: {default: {priority: "${P:-1}"}}',
    ),
  },
  {
    what: 'a service that is missing, where a variable says that it is required',
    refused: service('depends_on: {db: {condition: service_started, required: "${A:-yes}"}}'),
    says: 'compose.yaml:4: service web: depends_on names "db", which is not a service of this file',
    allowed: service('depends_on: {db: {condition: service_started, required: "${A:-no}"}}'),
  },
  {
    what: 'an unknown key that is merged in',
    refused: `x-base: &base\n  imagee: a\n${service('<<: *base')}`,
    says: 'compose.yaml:2: service web: the key "imagee" is not one of the Compose specification; did you mean image?',
    allowed: `x-base: &base\n  restart: always\n${service('<<: *base')}`,
  },
  {
    what: 'an unknown key at the top',
    refused: `${service('')}volume: {}\n`,
    says: 'compose.yaml:5: the key "volume" is not one of the Compose specification; did you mean volumes?',
    allowed: `${service('')}x-volume: {}\n`,
  },
  {
    what: 'an unknown key deep in a service',
    refused: service('healthcheck: {test: [CMD, "true"], intervall: 1s}'),
    says: 'compose.yaml:4: service web: the key "intervall" is not one of the Compose specification; did you mean interval?',
    allowed: service('healthcheck: {test: [CMD, "true"], interval: 1s}'),
  },
  {
    what: 'a value of another shape',
    refused: service('environment: 5'),
    says: 'compose.yaml:4: service web: environment must be',
    allowed: service('environment: {A: 5, B: true, C: }'),
  },
  {
    what: 'a value that is none of those that there are',
    refused: two('depends_on: {api: {condition: service_helthy}}', ''),
    says: 'compose.yaml:4: service web: depends_on.api.condition must be equal to one of the allowed values (service_started, service_healthy, service_completed_successfully), says the Compose specification',
    allowed: two('depends_on: {api: {condition: service_healthy}}', ''),
  },
  {
    what: 'a key deep in a part that has another mistake',
    refused: service('build: {context: ., contextt: .}'),
    says: 'compose.yaml:4: service web: the key "contextt" is not one of the Compose specification; did you mean context?',
    allowed: service('build: {context: ., no_cache: "${C}", x-more: 1}'),
  },
  {
    what: 'an unknown key of x-hauberk',
    refused: service('x-hauberk: {ingres: [80]}'),
    says: 'compose.yaml:4: service web: x-hauberk has the unknown key "ingres"; did you mean ingress?',
    allowed: service('x-hauberk: {ingress: [80]}'),
  },
  {
    what: 'a value of x-hauberk that does not fit',
    refused: service('x-hauberk: {outbound: mesh}'),
    says: 'compose.yaml:4: service web: x-hauberk: outbound: expected one of passthrough, mesh-only, got "mesh"',
    allowed: service('x-hauberk: {outbound: mesh-only}'),
  },
  {
    what: "the host's network",
    refused: service('network_mode: host'),
    says: "compose.yaml:4: service web: network_mode host cannot be meshed, because the mesh needs a network namespace of the service's own; use networks instead, or leave the service out with x-hauberk: {inject: false}",
    allowed: two('network_mode: host\n    x-hauberk: {inject: false}', ''),
  },
  {
    what: "another project's network namespace",
    refused: two('network_mode: "container:other"', ''),
    says: 'compose.yaml:4: service web: network_mode container:other cannot be meshed',
    allowed: two('network_mode: "service:api"', ''),
  },
  {
    what: 'a network mode that only Compose knows',
    refused: two('network_mode: ${MODE}', ''),
    says: 'compose.yaml:4: service web: network_mode is ${MODE}, which decides how to mesh it, and MODE is not set; set it where Compose finds it, in the environment (MODE=... hauberk inject ...) or in .env, or write the value itself',
    allowed: two('image: ${IMAGE}', '').replace('image: web\n    ', ''),
  },
  {
    what: 'a number of replicas that only Compose knows',
    refused: service('deploy: {replicas: "${N}"}'),
    says: 'compose.yaml:4: service web: deploy.replicas is ${N}, which decides how to mesh it, and N is not set; set it where',
    allowed: service('deploy: {replicas: 2}'),
  },
  {
    what: 'a published port of the container that only Compose knows',
    refused: service('ports: ["80:${PORT}"]'),
    says: 'compose.yaml:4: service web: the container port of a published port is a variable, but the sidecar has to know it; write the number, or list the ports in x-hauberk: {ingress: [...]}',
    allowed: service('ports: ["80:${PORT}"]\n    x-hauberk: {ingress: []}'),
  },
  {
    what: 'what is no port',
    refused: service('ports: ["http:80"]'),
    says: 'compose.yaml:4: service web: "http:80" is not a port mapping such as "8080:80"',
    allowed: service('ports: ["127.0.0.1::80", "[::1]:90:90", 91]'),
  },
  {
    what: 'several replicas on one port of the host',
    refused: service('ports: ["80:80"]\n    scale: 2'),
    says: 'compose.yaml:5: service web: it has 2 replicas and a fixed port of the host, which only one of them can have; remove one or the other',
    allowed: service('ports: ["80"]\n    scale: 2'),
  },
  {
    what: 'several replicas of one name',
    refused: service('container_name: me\n    deploy: {replicas: 2}'),
    says: 'compose.yaml:5: service web: it has 2 replicas and a container_name',
    allowed: service('container_name: me\n    deploy: {replicas: 1}'),
  },
  {
    what: 'joining one of several replicas',
    refused: two('scale: 2', 'network_mode: service:web'),
    says: 'compose.yaml:7: service web: it has 2 replicas, but network_mode of service api can mean only one of them; use one replica',
    allowed: two('scale: 1', 'network_mode: service:web'),
  },
  {
    what: "a published port that is the sidecar's",
    refused: service('ports: ["80:15008"]'),
    says: "compose.yaml:4: service web: its port 15008 is one of the sidecar's own (15000, 15001, 15006, 15008, 15020)",
    allowed: service('ports: ["15008:80"]'),
  },
  {
    what: "an exposed range with one of the sidecar's ports",
    refused: service('expose: ["15000-15003"]'),
    says: "compose.yaml:4: service web: its port 15000 is one of the sidecar's own",
    allowed: service('expose: ["15002-15005"]'),
  },
  {
    what: 'a circle of dependencies',
    refused: two('depends_on: [api]', 'depends_on: [web]'),
    says: 'compose.yaml:7: service api: services wait for each other in a circle: web -> api -> web; remove one of these depends_on, links, volumes_from or network_mode entries',
    allowed: two('depends_on: [api]', ''),
  },
  {
    what: 'a circle of different kinds of dependencies',
    refused: two('depends_on: {api: {condition: service_healthy}}', 'volumes_from: [web:ro]'),
    says: 'compose.yaml:7: service api: services wait for each other in a circle: web -> api -> web',
    allowed: two(
      'depends_on: {api: {condition: service_healthy}}',
      'volumes_from: [container:web]',
    ),
  },
  {
    what: 'waiting for itself',
    refused: service('links: [web]'),
    says: 'compose.yaml:4: service web: services wait for each other in a circle: web -> web',
    allowed: two('links: [api]', ''),
  },
  {
    what: 'a dependency that is not there',
    refused: two('depends_on: [apii]', ''),
    says: 'compose.yaml:4: service web: depends_on names "apii", which is not a service of this file; did you mean api?',
    allowed: two('depends_on: {apii: {condition: service_started, required: false}}', ''),
  },
  {
    what: 'a network that is not there',
    refused: `${service('networks: [back]')}networks: {black: {}}\n`,
    says: 'compose.yaml:2: service web: the network "back" is not under the top-level networks; did you mean black?',
    allowed: `${service('networks: [back, default]')}networks: {back: {}}\n`,
  },
  {
    what: 'a service with the name of a pod',
    refused: 'services:\n  web: {image: a}\n  web-pod: {image: b}\n',
    says: 'compose.yaml:3: service web-pod: its name is needed for the pod of web; rename this service',
    allowed: 'services:\n  web: {image: a}\n  api-pod: {image: b}\n',
  },
  {
    what: 'a service with the name of the control plane',
    refused: 'services:\n  web: {image: a}\n  hauberk-control-plane: {image: b}\n',
    says: 'compose.yaml:3: service hauberk-control-plane: its name is needed for the control plane; rename this service',
    allowed: 'services:\n  web: {image: a}\n  hauberk: {image: b}\n',
  },
  {
    what: 'a service with the name of a replica',
    refused: 'services:\n  web: {image: a, scale: 2}\n  web-2: {image: b}\n',
    says: 'compose.yaml:3: service web-2: its name is needed for a replica of web; rename this service',
    allowed: 'services:\n  web: {image: a, scale: 2}\n  web-3: {image: b}\n',
  },
  {
    what: 'a volume with the name of ours',
    refused: `${service('')}volumes: {hauberk-data: {}}\n`,
    says: 'compose.yaml:2: service web: the volume hauberk-data has a name that is needed for the mesh; rename that volume',
    allowed: `${service('')}volumes: {data: {}}\n`,
  },
  {
    what: 'a name that the mesh cannot have',
    refused: 'services:\n  web.front: {image: a}\n',
    says: 'compose.yaml:2: service web.front: "web.front" cannot be a name in the mesh, which has lower-case letters, digits, "-" and "_"; give it another with x-hauberk: {name: ...}',
    allowed: 'services:\n  web.front: {image: a, x-hauberk: {name: web}}\n  Api: {image: api}\n',
  },
  {
    what: 'the user of the sidecar',
    refused: service('user: "15337:1000"'),
    says: "compose.yaml:4: service web: user 15337 is the sidecar's, whose connections leave the service as they are; choose another user, or leave the service out",
    allowed: service('user: "1000:15337"'),
  },
  {
    what: 'an allowance that names no service',
    refused: service('x-hauberk: {allow: {5432: ["*"]}}'),
    says: 'compose.yaml:4: service web: x-hauberk: allow: expected PORT=SERVICE[.NAMESPACE] as in 2379=client, got "5432=*"',
    allowed: service('x-hauberk: {allow: {5432: [api, worker.jobs]}}'),
  },
  {
    what: 'a port that allows nobody',
    refused: service('x-hauberk: {allow: {5432: []}}'),
    says: 'compose.yaml:4: service web: x-hauberk: allow: port 5432 has an empty list; use exclude-ports for a port that no peer may reach',
    allowed: service('x-hauberk: {exclude-ports: [5432]}'),
  },
  {
    what: 'a published port whose application is told who calls',
    refused: service('ports: ["80:8080"]\n    x-hauberk: {forward-client-cert: [8080]}'),
    says: 'compose.yaml:2: service web: its port 8080 is in forward-client-cert, and accepts plaintext from outside, where any client could say to be any caller; take it out of forward-client-cert, or out of ingress and the published ports',
    allowed: service('ports: ["80:8080"]\n    x-hauberk: {forward-client-cert: [9090]}'),
  },
  {
    what: 'services whose names differ by case alone',
    refused: 'services:\n  Web: {image: web}\n  web: {image: web}\n',
    says: 'compose.yaml:2: service Web: its name in the mesh would be web, which is that of service web; give it another with x-hauberk: {name: ...}',
    allowed: 'services:\n  Web: {image: web, x-hauberk: {name: front}}\n  web: {image: web}\n',
  },
  {
    what: 'an extended service that is not there',
    refused: service('extends: base'),
    says: 'compose.yaml:4: service web: it extends "base", which is not a service of this file; correct the name',
    allowed: two('extends: api', ''),
  },
  {
    what: 'services that extend each other',
    refused: two('extends: api', 'extends: web'),
    says: 'service web: it extends itself: api -> web -> api; break the circle',
    allowed: two('extends: api', ''),
  },
  {
    what: 'an extended file that is not there',
    refused: service('extends: {file: missing.yaml, service: a}'),
    says: 'missing.yaml, which it extends, cannot be read; check the path',
    allowed: service(
      'extends: {file: test/cli/compose/projects/extends-common.yaml, service: reporting}',
    ),
  },
  {
    what: 'a service that was added to a file that inject wrote',
    refused: `${service('')}x-hauberk-injected: {layout: 1, services: []}\n`,
    says: 'compose.yaml:2: service web: it was added to a file that hauberk inject wrote; add it to the original file, and inject that again',
    allowed: `${service('')}x-hauberk-injected: {layout: 1, services: [web]}\n`,
  },
];

for (const { what, refused, says, allowed } of CASES) {
  test(`refused: ${what}`, (t) => {
    const [first = 'nothing was refused'] = sentences(refused);
    t.true(first.includes(says), first);
    t.is(first.split('\n').length, 1);
    t.deepEqual(sentences(allowed), []);
  });
}

test('everything that is wrong is told at once, in the order of the file', (t) => {
  const text = two('network_mode: host\n    enviroment: {}', 'depends_on: [db]\n    user: "15337"');
  t.deepEqual(
    injectText(text).problems.map(({ code, location: place }) => `${place.line} ${code}`),
    ['4 network-mode', '5 key-unknown', '8 reference-unknown', '9 sidecar-user'],
  );
});

test('a value that does not fit is told of once', (t) => {
  t.deepEqual(sentences('services:\n  web:\n    image: [web]\n'), [
    'compose.yaml:3: service web: image must be string, says the Compose specification',
  ]);
});

test('a file that would fill the memory is refused', (t) => {
  const levels = Array.from({ length: 12 }, (_, index) => {
    const source = index === 0 ? 'x' : `*a${index - 1}`;
    return `  - &a${index} [${Array.from({ length: 10 }, () => source).join(', ')}]`;
  });
  const [sentence = ''] = sentences(`${service('')}x-bomb:\n${levels.join('\n')}\n`);
  t.regex(sentence, /^compose\.yaml:1: this is not valid YAML: Excessive alias count/);
});
