import { eventually } from '../helpers/deadline.ts';
import type { DockerEngine } from '../helpers/docker/docker-engine.ts';

/** What `docker inspect` tells, as far as it matters here. */
interface Inspected {
  readonly Id: string;
  readonly Name: string;
  readonly State: {
    readonly Status: string;
    readonly StartedAt: string;
    readonly Health?: { readonly Status: string };
  };
  readonly HostConfig: { readonly NetworkMode: string };
}

/** A busy machine takes its time to bring containers back. */
const DEADLINE_MS = 120_000;

/**
 * Resolves when all of these containers run, are healthy, and were started after the one whose network
 * namespace they are in: before that they are in one that has ended.
 */
export async function settled(
  what: string,
  { docker }: DockerEngine,
  ids: () => Promise<readonly string[]>,
): Promise<void> {
  let wrong: readonly string[] = [];
  const look = async (): Promise<true | undefined> => {
    const containers = JSON.parse(await docker('inspect', ...(await ids()))) as Inspected[];
    wrong = containers.filter((one) => !isInPlace(one, containers)).map(({ Name }) => Name);
    return wrong.length === 0 ? true : undefined;
  };
  await eventually(what, look, DEADLINE_MS).catch((cause: unknown) => {
    throw new Error(`${(cause as Error).message}; out of place: ${wrong.join(', ')}`, { cause });
  });
}

function isInPlace(container: Inspected, all: readonly Inspected[]): boolean {
  const { Status, Health, StartedAt } = container.State;
  const owner = all.find(({ Id }) => container.HostConfig.NetworkMode === `container:${Id}`);
  const isHealthy = Status === 'running' && (Health?.Status ?? 'healthy') === 'healthy';
  return isHealthy && (owner === undefined || StartedAt > owner.State.StartedAt);
}
