import { z } from 'zod';
import { askEngine, readText } from './engine-request.ts';
import { KeeperError } from './keeper-error.ts';
import { readContainer, type Container } from './container.ts';

/** The little of a Docker engine that the keeper uses. */
export interface Engine {
  /** The Compose project that a container belongs to, if it does to one. */
  projectOf(container: string): Promise<string | undefined>;
  /** All containers of the project, running or not. */
  containers(project: string): Promise<readonly Container[]>;
  /**
   * Yields once when it watches, and then whenever a container of the project has started, ended or
   * changed its health. Ends when the engine does; throws when the signal is aborted.
   */
  changes(project: string, signal: AbortSignal): AsyncIterable<void>;
  start(id: string): Promise<void>;
  restart(id: string): Promise<void>;
}

/** What connecting to an engine takes. */
export interface EngineOptions {
  readonly socketPath: string;
  /** Ends whatever is asked. */
  readonly signal: AbortSignal;
}

/** The label by which Compose knows whose a container is. */
const PROJECT_LABEL = 'com.docker.compose.project';

/** An engine that is asked something else answers at once. */
const ANSWER_TIMEOUT_MS = 30_000;

/** An application has its time to stop, and the engine waits for it. */
const ACTION_TIMEOUT_MS = 10 * 60_000;

const listed = z.array(z.object({ Id: z.string() }));
const labelled = z.object({
  Config: z.object({ Labels: z.record(z.string(), z.string()).nullish() }),
});

/**
 * Finds out what the engine speaks, and hands out what can be asked of it.
 *
 * @throws KeeperError `engine-unreachable`, `engine-refused`
 */
export async function connectEngine({ socketPath, signal: ended }: EngineOptions): Promise<Engine> {
  const within = (timeoutMs: number): AbortSignal =>
    AbortSignal.any([ended, AbortSignal.timeout(timeoutMs)]);
  const ping = { method: 'GET', path: '/_ping', signal: within(ANSWER_TIMEOUT_MS) } as const;
  const { headers } = await askEngine(socketPath, ping).then(drained);
  const version = `/v${String(headers['api-version'] ?? '1.41')}`;

  const get = async <Value>(path: string, shape: z.ZodType<Value>): Promise<Value> => {
    const signal = within(ANSWER_TIMEOUT_MS);
    const response = await askEngine(socketPath, { method: 'GET', path: version + path, signal });
    const { success, data } = shape.safeParse(parsed(await readText(response)));
    if (success) return data;
    const sentence = `the answer to GET ${path.split('?')[0]} does not match the API of the engine`;
    throw new KeeperError('engine-unknown', sentence);
  };
  const post = async (path: string): Promise<void> => {
    const signal = within(ACTION_TIMEOUT_MS);
    await askEngine(socketPath, { method: 'POST', path: version + path, signal }).then(drained);
  };
  return {
    async projectOf(container) {
      const path = `/containers/${encodeURIComponent(container)}/json`;
      return (await get(path, labelled)).Config.Labels?.[PROJECT_LABEL];
    },
    async containers(project) {
      const filters = queryOf({ label: [`${PROJECT_LABEL}=${project}`] });
      const all = await get(`/containers/json?all=1&filters=${filters}`, listed);
      const found = await Promise.all(
        all.map(({ Id }) => get(`/containers/${Id}/json`, readContainer).catch(ifGone)),
      );
      return found.filter((container) => container !== undefined);
    },
    async *changes(project, signal) {
      const filters = queryOf({
        type: ['container'],
        label: [`${PROJECT_LABEL}=${project}`],
        event: ['start', 'die', 'health_status'],
      });
      const path = `${version}/events?filters=${filters}`;
      const stream = AbortSignal.any([ended, signal]);
      const events = await askEngine(socketPath, { method: 'GET', path, signal: stream });
      yield;
      for await (const _event of events) yield;
    },
    start: (id) => post(`/containers/${id}/start`),
    restart: (id) => post(`/containers/${id}/restart`),
  };
}

function queryOf(filters: Readonly<Record<string, readonly string[]>>): string {
  return encodeURIComponent(JSON.stringify(filters));
}

async function drained<Response extends { resume(): unknown }>(response: Response) {
  response.resume();
  return response;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** It was removed between the list and the question. */
function ifGone(error: unknown): undefined {
  if (error instanceof KeeperError && error.code === 'engine-refused') return undefined;
  throw error;
}
