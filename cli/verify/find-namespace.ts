import { existsSync, readFileSync } from 'node:fs';
import { ConfigError } from '../../common/config/config-error.ts';
import {
  formatNamespaceSelector,
  type NamespaceEntry,
  type NamespaceSelector,
} from './namespace-selector.ts';
import { firstLine, runProgram } from './run-program.ts';
import { VerifyError } from './verify-error.ts';

/** Where `ip netns` keeps its namespaces. */
const NAMED_NAMESPACES = '/run/netns';

/**
 * Finds the network namespace that a selector names.
 *
 * @param project Compose project that services are looked for in
 * @throws VerifyError `place-unknown`, `program-missing`; ConfigError for a service without a project
 */
export async function findNamespace(
  selector: NamespaceSelector,
  project: string | undefined,
): Promise<NamespaceEntry> {
  const name = formatNamespaceSelector(selector);
  switch (selector.kind) {
    case 'host':
      return { name, enter: [] };
    case 'netns':
      return { name, enter: enterFile(`${NAMED_NAMESPACES}/${selector.name}`, name) };
    case 'pid':
      return { name, enter: enterFile(`/proc/${selector.pid}/ns/net`, name) };
    case 'container':
      return { name, enter: await enterContainer(selector.name, name) };
    case 'service': {
      if (project === undefined) {
        const sentence = `${name} is the name of a service, and no project is given`;
        const hint = `add --project NAME, or write netns:${name} or container:${name}`;
        throw new ConfigError('setting-missing', sentence, { hint });
      }
      return { name, enter: await enterContainer(await containerOf(project, selector.name), name) };
    }
  }
}

/** The id of a running container of a service; of its first replica, where it has several. */
export async function containerOf(project: string, service: string): Promise<string> {
  // `hauberk inject` makes one service out of each replica.
  for (const name of [service, `${service}-1`]) {
    const labels = [`project=${project}`, `service=${name}`];
    const filters = labels.map((label) => `--filter=label=com.docker.compose.${label}`);
    const { code, stdout, stderr } = await runProgram('docker', ['ps', '--quiet', ...filters]);
    if (code !== 0) throw dockerFailed(stderr);
    const [id] = stdout.trim().split('\n');
    if (id !== undefined && id !== '') return id;
  }
  const sentence = `the Compose project ${project} runs no service ${service}`;
  const hint = 'see docker ps; the project is the folder of the Compose file unless it has a name';
  throw new VerifyError('place-unknown', sentence, { hint });
}

async function enterContainer(container: string, name: string): Promise<string[]> {
  const format = '--format={{.State.Pid}} {{.Id}}';
  const { code, stdout, stderr } = await runProgram('docker', ['inspect', format, container]);
  if (code !== 0) {
    if (!/no such/i.test(stderr)) throw dockerFailed(stderr);
    throw new VerifyError('place-unknown', `there is no container ${container}`);
  }
  const [pid = '', id = ''] = stdout.trim().split(' ');
  if (pid === '0')
    throw new VerifyError('place-unknown', `the container of ${name} is not running`);
  // An engine in a virtual machine, or in a container, counts processes from one of its own.
  if (!isProcessOf(pid, id)) {
    throw new VerifyError('place-unknown', `the container of ${name} is not running on this host`, {
      hint: 'run this where the Docker engine runs, or in a container as docs/verify.md has it',
    });
  }
  return enterFile(`/proc/${pid}/ns/net`, name);
}

/** Whether the process is in the control group of the container. */
function isProcessOf(pid: string, container: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/cgroup`, 'utf8').includes(container);
  } catch {
    return false;
  }
}

function dockerFailed(stderr: string): VerifyError {
  return new VerifyError('place-unknown', `docker failed: ${firstLine(stderr)}`);
}

function enterFile(file: string, name: string): string[] {
  if (!existsSync(file)) {
    const hint = 'this has to run on the host of the services, as root';
    throw new VerifyError('place-unknown', `${name} has no network namespace here`, { hint });
  }
  return ['nsenter', `--net=${file}`, '--'];
}
