import { readFileSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import {
  type CommandSpec,
  listSetting,
  setting,
  switchSetting,
} from '../../common/config/settings.ts';
import { ConfigError } from '../../common/config/config-error.ts';
import { EXIT_CODE } from '../../common/config/exit-code.ts';
import { runCommand } from '../../common/config/run-command.ts';
import { filePath, label, text } from '../../common/config/values.ts';
import { writeFileAtomically } from '../../common/files/atomic-file.ts';
import { describeError, systemReason } from '../../common/errors.ts';
import type { CliContext } from '../cli-context.ts';
import { imageCommand } from '../compose/check/check-health.ts';
import { ComposeError } from '../compose/compose-error.ts';
import { injectCompose, type Injection } from '../compose/inject-compose.ts';
import type { Service } from '../compose/read/project.ts';
import type { Files } from '../compose/source/files.ts';
import { loadProject } from '../compose/source/load-project.ts';
import { formatJson } from '../output/json.ts';
import { formatTable } from '../output/table.ts';
import { imageTests } from '../compose/image-tests.ts';
import { readOperatorFile } from '../operator-file.ts';

const settings = {
  project: setting(label.optional(), {
    description: 'namespace of the services in the mesh',
    placeholder: 'NAME',
    defaultText: 'the name of the project, as Compose has it',
  }),
  image: setting(text.optional(), {
    description: 'image with Hauberk in it',
    placeholder: 'NAME',
    defaultText: 'hauberk',
  }),
  envFile: listSetting(filePath, {
    description: 'file of variables, instead of .env',
    placeholder: 'FILE',
  }),
  output: setting(filePath.optional(), {
    description: 'where to write; an error leaves the file as it was',
    placeholder: 'FILE',
    defaultText: 'standard output',
  }),
  keeper: switchSetting({
    description: 'add a keeper, which gets the socket of the Docker engine (docs/inject.md)',
  }),
  composeV1: switchSetting({
    description: 'write for docker-compose 1.29, where `restart` does not bring the mesh back',
  }),
  check: switchSetting({
    description: 'write nothing; show what would happen to each service',
  }),
  json: switchSetting({ description: 'with --check: print JSON (docs/json-output.md)' }),
};

const spec: CommandSpec<typeof settings> = {
  name: 'hauberk inject',
  summary:
    'Adds the services of a Compose project to the mesh: reads a Compose file and writes one in which each service has a sidecar, and TCP between the services is encrypted. The applications do not change.',
  settings,
  operands: [
    {
      name: 'FILE',
      description:
        'a Compose file, or - for standard input; several are merged in this order; by default those that Compose would take',
      many: true,
    },
  ],
  examples: [
    {
      purpose: 'add a project to the mesh and start it',
      line: 'hauberk inject compose.yaml --output compose.mesh.yaml && docker compose -f compose.mesh.yaml up',
    },
    {
      purpose: 'show what would happen to each service',
      line: 'hauberk inject compose.yaml --check',
    },
  ],
  notes: [
    'x-hauberk on a service sets what differs, as in "x-hauberk: {inject: false}": see docs/inject.md.',
    'A file that this command wrote is returned unchanged.',
  ],
};

/** `hauberk inject [FILE...]` */
export function run(context: CliContext): Promise<number> {
  return runCommand(spec, context, async (request, named) => {
    const { output, check, json, project: name, envFile: envFiles, ...given } = request;
    const { stdout, stderr, env: environment } = context;
    const say = (sentence: string): void => void stderr.write(`${spec.name}: ${sentence}\n`);
    let injection: Injection;
    try {
      const folder = process.cwd();
      const project = loadProject({ named, folder, environment, envFiles, name, files: FILES });
      for (const note of project.notes) say(`note: ${note}`);
      injection = injectCompose({
        project,
        ...(output === undefined ? {} : { outputFolder: dirname(resolve(output)) }),
        ...given,
        imageTest: imageTests(environment),
        readText: FILES.read,
      });
    } catch (error) {
      if (!(error instanceof ComposeError)) throw error;
      injection = { output: undefined, services: [], switchedOff: [], problems: [error] };
    }
    if (check) stdout.write(json ? toJson(injection) : toTable(injection, given.composeV1));
    for (const problem of injection.problems) say(describeError(problem));
    if (injection.output === undefined) return EXIT_CODE.usage;
    if (check) return EXIT_CODE.ok;
    const { switchedOff } = injection;
    if (switchedOff.length > 0) say(`note: ${switchedOffHealth(switchedOff, given.composeV1)}`);
    if (output === undefined) stdout.write(injection.output);
    else await writeOutput(output, injection.output);
    return EXIT_CODE.ok;
  });
}

const FILES: Files = {
  read: readOperatorFile,
  isFile: (path) => statSync(path, { throwIfNoEntry: false })?.isFile() === true,
  readStandardInput: () => readFileSync(0, 'utf8'),
};

function switchedOffHealth(services: readonly Service[], composeV1: boolean): string {
  const names = services.map(({ name }) => name).join(', ');
  return `no image is known here for ${names}, so that a health check in it is switched off; to have it, run \`${imageCommand(services, composeV1)}\` and inject again (docs/inject.md)`;
}

/** Readable for every user, as is usual for Compose files: it has no secret. */
const OUTPUT_MODE = 0o644;

const isFolder = (path: string): boolean =>
  statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;

async function writeOutput(path: string, contents: string): Promise<void> {
  try {
    await writeFileAtomically(path, contents, OUTPUT_MODE);
  } catch (cause) {
    const sentence = isFolder(path)
      ? `--output: ${path} is a folder, and the Compose file has to be written into a file`
      : `${path} cannot be written: ${systemReason(cause)}`;
    throw new ConfigError('file-unreadable', sentence, { cause });
  }
}

const HEADER = ['SERVICE', 'ACTION', 'IDENTITY', 'REPLICAS', 'INGRESS', 'NOTES'];

/** What the commands of Compose do otherwise on the file that is written. */
const OTHER_COMMANDS = [
  'port NAME PORT       -> port NAME-pod PORT',
  'scale, up --scale    -> deploy.replicas in the original file, and hauberk inject again',
];
const OTHER_COMMANDS_V2 = [
  'stop, kill NAME-pod  -> restart NAME-pod brings it back, with what shares its network',
];
const OTHER_COMMANDS_V1 = [
  'run NAME             -> exec NAME; or stop NAME before',
  'pull                 -> name the applications',
  'restart              -> stop, then start',
  'restart NAME-pod     -> restart NAME after it, as after stop and kill',
];

function otherCommands(composeV1: boolean): string {
  const lines = [...OTHER_COMMANDS, ...(composeV1 ? OTHER_COMMANDS_V1 : OTHER_COMMANDS_V2)];
  return `
Commands of Compose that are different on the injected file (docs/inject.md):
${lines.map((line) => `  ${line}\n`).join('')}`;
}

function toTable({ services, output }: Injection, composeV1: boolean): string {
  if (services.length === 0) {
    return output === undefined ? '' : 'hauberk inject wrote this file: nothing would change\n';
  }
  const rows = services.map(({ service, action, identity, replicas, ingress, notes }) => [
    service,
    action,
    identity ?? '',
    replicas,
    ingress.join(','),
    action === 'refuse' ? 'see below' : notes.join('; '),
  ]);
  const isMeshed = output !== undefined && services.some(({ action }) => action === 'mesh');
  return `${formatTable(HEADER, rows)}${isMeshed ? otherCommands(composeV1) : ''}`;
}

function toJson({ services, problems }: Injection): string {
  return formatJson({
    services,
    problems: problems.map(({ code, message, hint, location, service }) => ({
      code,
      message,
      hint: hint ?? null,
      file: location.file,
      line: location.line,
      service: service ?? null,
    })),
  });
}
