import { formatDifference } from '../../common/mesh-config/difference.ts';
import { setTimeout as pause } from 'node:timers/promises';
import type { MonotonicClock } from '../../common/clock.ts';
import { ConfigError } from '../../common/config/config-error.ts';
import { setting, switchSetting } from '../../common/config/settings.ts';
import { filePath, integer } from '../../common/config/values.ts';
import type { MeshConfig } from '../../common/mesh-config/mesh-config.ts';
import { MeshConfigError } from '../../common/mesh-config/mesh-config-error.ts';
import { readMeshConfig, readStoredMeshConfig } from '../../common/mesh-config/read-mesh-config.ts';
import { unreachedRules } from '../../common/routes/unreached-rules.ts';
import { idleBackendPolicies } from '../../common/routes/named-services.ts';
import { formatServicePort } from '../../common/routes/route.ts';
import {
  describeRouteChanges,
  type RouteChanges,
  routeChanges,
} from '../../common/routes/route-changes.ts';
import type { AdminClient, MeshConfigOutcome } from '../admin/client.ts';
import { formatMoment, toTimestamp } from '../output/relative-time.ts';
import { formatTable } from '../output/table.ts';
import { adminCommand } from '../admin/admin-command.ts';
import { readOperatorFile } from '../operator-file.ts';
import { seenIdentities, unseenNames } from '../names/unseen-names.ts';

/** `hauberk apply -f FILE` */
export const apply = adminCommand(
  {
    name: 'hauberk apply',
    summary:
      'Applies a configuration of the mesh: checks it, shows what changes, stores it as the next version, and waits until the connected sidecars use it.',
    settings: {
      file: setting(filePath, {
        description: 'file with the configuration of the mesh',
        placeholder: 'FILE',
        letter: 'f',
      }),
      dryRun: switchSetting({
        description: 'check the file and show what would change, without applying it',
      }),
    },
    examples: [
      { purpose: 'show what would change', line: 'hauberk apply -f mesh.yaml --dry-run' },
      { purpose: 'apply the file', line: 'hauberk apply -f mesh.yaml' },
    ],
    notes: [
      'docs/authorization.md and docs/routes.md describe the file; hauberk rollback returns to an earlier version.',
    ],
  },
  async (client, { file, dryRun, json }, context) => {
    const { clock, stderr } = context;
    const complain = (line: string): void => void stderr.write(`hauberk apply: ${line}\n`);
    const { document, config } = readDocument(file, complain);
    unseenNames(config, await seenIdentities(client)).forEach(complain);
    withoutEffect(config.routes).forEach(complain);
    const current = await client.getMeshConfig();
    const difference = formatDifference(current.document, document);
    const changes = changesOf(current.document, config);
    const told = describeRouteChanges(changes)
      .map((line) => `${line}\n`)
      .join('');
    const outcome = await client.applyMeshConfig(document, {
      baseVersion: current.version,
      dryRun,
    });
    if (dryRun) {
      const changed = difference !== '';
      if (json) return { version: current.version, changed, difference, routes: changes };
      if (!changed) return `nothing would change, version ${current.version} says the same\n`;
      return `${difference}${told}\nnothing was changed, version ${current.version} stays in force\n`;
    }
    const progress = await awaitSidecars(client, outcome, clock);
    if (json) return { ...outcomeDocument(outcome, progress), difference, routes: changes };
    return (outcome.changed ? difference + told : '') + formatOutcome(outcome, progress);
  },
);

/** What of the routes does nothing, in a sentence each. */
function withoutEffect(routes: MeshConfig['routes']): string[] {
  return [
    ...idleBackendPolicies(routes).map(
      (idle) =>
        `routes.backends: no route leads to ${formatServicePort(idle)}, so that its entry has no effect`,
    ),
    ...unreachedRules(routes).map(
      ({ service, rule, taker }) =>
        `routes: the rule ${rule} takes no request for ${service}: ${taker} has the same matches and counts first`,
    ),
  ];
}

/** What a document changes for the services that have routes; nothing is told of one that this software cannot read. */
function changesOf(current: string, { routes }: MeshConfig): RouteChanges {
  try {
    return routeChanges(readStoredMeshConfig(current, 'mesh.yaml').routes, routes);
  } catch (error) {
    if (!(error instanceof MeshConfigError)) throw error;
    return { handled: [], changed: [], carried: [] };
  }
}

/** Reads and checks it here, so that every mistake is told with its place in the file. */
function readDocument(
  path: string,
  complain: (line: string) => void,
): { readonly document: string; readonly config: MeshConfig } {
  const document = readOperatorFile(path);
  try {
    return { document, config: readMeshConfig(document, path) };
  } catch (error) {
    if (!(error instanceof MeshConfigError)) throw error;
    const { problems, message } = error;
    if (problems.length === 1) throw new ConfigError('file-malformed', message, { cause: error });
    for (const { line, column, sentence } of problems) {
      complain(`${path}:${line}:${column}: ${sentence}`);
    }
    const sentence = `${path} has ${problems.length} mistakes, and was not applied`;
    throw new ConfigError('file-malformed', sentence, { cause: error });
  }
}

const HEADER = ['VERSION', 'APPLIED', 'BY'];

/** `hauberk rollback` */
export const rollback = adminCommand(
  {
    name: 'hauberk rollback',
    summary:
      'Applies an earlier version of the configuration of the mesh again. It becomes the next version, so that a rollback can itself be rolled back.',
    settings: {
      to: setting(integer({ min: 0, max: 1e9 }).optional(), {
        description: 'the version to go back to; 0 is a mesh without configuration',
        placeholder: 'VERSION',
        defaultText: 'the previous version',
      }),
      list: switchSetting({ description: 'list the versions and change nothing' }),
    },
    examples: [
      { purpose: 'return to the previous version', line: 'hauberk rollback' },
      { purpose: 'list the versions', line: 'hauberk rollback --list' },
    ],
  },
  async (client, { to, list, json }, context) => {
    const { clock } = context;
    if (list) {
      const versions = await client.listMeshConfigs();
      if (json) {
        return {
          versions: versions.map(({ version, appliedMs, origin }) => ({
            version,
            appliedAt: appliedMs === 0 ? null : toTimestamp(appliedMs),
            origin,
          })),
        };
      }
      const rows = versions.map(({ version, appliedMs, origin }) => [
        version,
        appliedMs === 0 ? '' : formatMoment(appliedMs, clock.epochMs()),
        origin,
      ]);
      return formatTable(HEADER, rows);
    }
    const before = await client.getMeshConfig();
    const outcome = await client.rollbackMeshConfig(to);
    const difference = formatDifference(before.document, outcome.config.document);
    const progress = await awaitSidecars(client, outcome, clock);
    if (json) return { ...outcomeDocument(outcome, progress), difference };
    return (outcome.changed ? difference : '') + formatOutcome(outcome, progress);
  },
);

/** How long a person waits for the slowest sidecar; the usual one has it within a tenth of a second. */
const WAIT_MS = 5_000;
const ASK_INTERVAL_MS = 100;

/** How far a change has come. */
interface Progress {
  readonly connected: number;
  readonly reached: number;
}

/** Waits until all connected sidecars have a change, or for some seconds. */
async function awaitSidecars(
  client: Pick<AdminClient, 'listWorkloads'>,
  { viewVersion }: MeshConfigOutcome,
  clock: MonotonicClock,
): Promise<Progress> {
  const deadlineMs = clock.monotonicMs() + WAIT_MS;
  for (;;) {
    const connected = (await client.listWorkloads()).filter((workload) => workload.connected);
    const reached = connected.filter((workload) => workload.acknowledgedVersion >= viewVersion);
    const progress = { connected: connected.length, reached: reached.length };
    if (progress.reached === progress.connected || clock.monotonicMs() >= deadlineMs)
      return progress;
    // A timer of the clock would not keep the process alive.
    await pause(ASK_INTERVAL_MS);
  }
}

/** What a change led to, in one sentence. */
function formatOutcome(
  { config, changed }: MeshConfigOutcome,
  { connected, reached }: Progress,
): string {
  const { version } = config;
  if (!changed) return `version ${version} is in force already\n`;
  const where = `in use by ${reached} of ${connected} connected sidecars`;
  return `version ${version} of the mesh configuration is in force, ${where}\n`;
}

/** What a change led to, as `--json` prints it; docs/json-output.md describes it. */
function outcomeDocument({ config, changed }: MeshConfigOutcome, progress: Progress): object {
  return { version: config.version, changed, sidecars: progress };
}
