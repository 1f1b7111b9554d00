import { writeFile } from 'node:fs/promises';
import { systemClock } from '../../common/clock.ts';
import { ConfigError } from '../../common/config/config-error.ts';
import { EXIT_CODE } from '../../common/config/exit-code.ts';
import { runCommand } from '../../common/config/run-command.ts';
import { listSetting, setting, type SettingsOf } from '../../common/config/settings.ts';
import { filePath, text } from '../../common/config/values.ts';
import { systemReason } from '../../common/errors.ts';
import { RpcError } from '../../common/rpc/rpc-error.ts';
import { SOFTWARE_VERSION } from '../../common/process/version.ts';
import { packArchive } from '../bug-report/archive.ts';
import {
  cleanEnvironment,
  cleanMeshConfig,
  countTerminalLines,
  createCleaner,
  ownLines,
} from '../bug-report/clean.ts';
import { collectParts, hostFacts, outputOf, type Part } from '../bug-report/collect.ts';
import { checkHost } from '../check/check-host.ts';
import { readHostFacts } from '../check/host-facts.ts';
import { ADMIN_SETTINGS } from '../admin/settings.ts';
import type { CliContext } from '../cli-context.ts';
import { type AdminClient, connectAnyAdmin, type WorkloadInfo } from '../admin/client.ts';
import { type AdminCredential, readAdminCredential } from '../admin/credential.ts';
import { formatJson } from '../output/json.ts';
import { sidecarDocument } from '../status/sidecar-document.ts';
import { collectTraffic } from '../traffic/collect.ts';
import { SECTIONS, stateDocument } from './proxy-config/report.ts';

/** Each is asked, and answers with up to 320 KB. */
const MAX_SIDECARS = 50;

/** What passes is watched for so long. */
const WINDOW_SECONDS = 2;

const MAX_CERTIFICATES = 1_000;
const MAX_LOG_LINES = '5000';
const METRICS_TIMEOUT_MS = 10_000;

/** It says how a mesh is built. */
const FILE_MODE = 0o600;

const SPEC = {
  name: 'hauberk bug-report',
  summary:
    'Writes one archive with what is needed to look into a problem: versions, state of the mesh, its configuration, what sidecars believe, what passes, certificates issued, facts of this host, and logs and metrics where it is told where they are. Secrets are left out, and what could not be had is named in it.',
  settings: {
    output: setting(filePath.optional(), {
      description: 'the archive to write; it must not exist yet',
      placeholder: 'FILE.tar.gz',
    }),
    instance: listSetting(text, {
      description: `instance id of a sidecar to ask; again for another one (by default the first ${MAX_SIDECARS})`,
      placeholder: 'ID',
    }),
    project: listSetting(text, {
      description: 'Compose project whose logs to add, those of Hauberk alone',
      placeholder: 'NAME',
    }),
    unit: listSetting(text, {
      description: 'unit of systemd whose journal to add, the lines of Hauberk alone',
      placeholder: 'NAME',
    }),
    metrics: listSetting(text, {
      description: 'where metrics are served, as in 127.0.0.1:15014; again for another one',
      placeholder: 'HOST:PORT',
    }),
    ...ADMIN_SETTINGS,
  },
  examples: [
    { purpose: 'the mesh and this host', line: 'hauberk bug-report' },
    {
      purpose: 'with logs of a Compose project and metrics of the control plane',
      line: 'hauberk bug-report --project shop --metrics 127.0.0.1:15014 --output shop.tar.gz',
    },
  ],
  notes: [
    'Left out: private keys, join tokens, operator credentials, passwords in URLs and variables, values of header fields and query parameters, comments of the mesh configuration, and all lines of logs that applications have written. Names of services, addresses and identities are in it.',
  ],
};

/** `hauberk bug-report` */
export function run(context: CliContext): Promise<number> {
  return runCommand(SPEC, context, async (given) => {
    const { clock, env, stdout, stderr } = context;
    const nowMs = clock.epochMs();
    const stamp = new Date(nowMs).toISOString().replace(/[-:]|\.\d+/g, '');
    const folder = `hauberk-bug-report-${stamp}`;
    const { output = `${folder}.tar.gz`, json } = given;
    const asked = await withMesh(given, async (mesh) =>
      collectParts(
        [
          ...(await mesh(nowMs)),
          ...hostParts(context),
          ...given.metrics.map(metricsPart),
          ...given.project.map(projectPart),
          ...given.unit.map(unitPart),
        ],
        createCleaner(env),
      ),
    );
    const { files, missing } = asked;
    const manifest = { at: new Date(nowMs).toISOString(), version: SOFTWARE_VERSION, missing };
    const about = { name: 'manifest.json', text: `${JSON.stringify(manifest, null, 2)}\n` };
    const archive = packArchive(folder, [about, ...files], nowMs);
    try {
      await writeFile(output, archive, { mode: FILE_MODE, flag: 'wx', flush: true });
    } catch (cause) {
      const sentence = `--output: ${output} cannot be written: ${systemReason(cause)}`;
      throw new ConfigError('setting-invalid', sentence, { cause });
    }
    const count = files.length + 1;
    if (json) {
      stdout.write(formatJson({ file: output, bytes: archive.length, files: count, missing }));
      return EXIT_CODE.ok;
    }
    for (const { name, why } of missing) stderr.write(`without ${name}: ${why}\n`);
    const advice = 'look through it before you pass it on';
    stdout.write(`${output}: ${count} files, ${archive.length} bytes; ${advice}\n`);
    return EXIT_CODE.ok;
  });
}

type Given = SettingsOf<typeof SPEC.settings>;

/** An operator with a problem may have no credential at hand: the host has something to tell, too. */
async function withMesh<Answer>(
  given: Given,
  collect: (mesh: (nowMs: number) => Promise<Part[]>) => Promise<Answer>,
): Promise<Answer> {
  let credential: AdminCredential;
  try {
    credential = readAdminCredential(given.admin);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return await collect(async () => [{ name: 'mesh', get: () => Promise.reject(error) }]);
  }
  const client = await connectAnyAdmin(given.controlPlane, { clock: systemClock, credential });
  try {
    return await collect(async (nowMs) => [
      ...meshParts(client, nowMs),
      ...sidecarParts(client, await knownSidecars(client), given.instance),
    ]);
  } finally {
    await client.close();
  }
}

/** None when the control plane does not answer: that is told of `mesh/status.json`. */
async function knownSidecars(client: AdminClient): Promise<readonly WorkloadInfo[]> {
  try {
    return await client.listWorkloads();
  } catch (error) {
    if (error instanceof RpcError) return [];
    throw error;
  }
}

function meshParts(client: AdminClient, nowMs: number): Part[] {
  return [
    {
      name: 'mesh/status.json',
      async get() {
        const { workloads, ...rest } = await client.status();
        return { ...rest, sidecars: workloads.map((one) => sidecarDocument(one, nowMs)) };
      },
    },
    { name: 'mesh/authority.json', get: () => client.getAuthority() },
    {
      name: 'mesh/certificates.json',
      get: () =>
        client.listCertificates({
          limit: MAX_CERTIFICATES,
          namespace: undefined,
          service: undefined,
        }),
    },
    { name: 'mesh/issuance-log.json', get: () => client.verifyCertificates() },
    { name: 'mesh/revocations.json', get: () => client.listRevocations() },
    { name: 'mesh/tokens.json', get: () => client.listTokens() },
    { name: 'mesh/operators.json', get: () => client.listOperators() },
    { name: 'mesh/peers.json', get: () => client.checkPeers() },
    { name: 'mesh/configuration-versions.json', get: () => client.listMeshConfigs() },
    {
      name: 'mesh/configuration.yaml',
      async get() {
        const { version, document, file = 'none' } = await client.getMeshConfig();
        return `# version ${version}, from the file: ${file}\n${cleanMeshConfig(document)}`;
      },
    },
    {
      name: 'mesh/edges.json',
      async get() {
        const { signal } = new AbortController();
        const window = { services: [], windowSeconds: WINDOW_SECONDS };
        return (await collectTraffic(client, window, signal)) ?? {};
      },
    },
  ];
}

function sidecarParts(
  client: AdminClient,
  known: readonly WorkloadInfo[],
  instances: readonly string[],
): Part[] {
  const all = known.filter(({ connected }) => connected).map(({ instanceId }) => instanceId);
  const asked = instances.length > 0 ? instances : all.slice(0, MAX_SIDECARS);
  const parts = asked.map((instance, at): Part => {
    const name = instance.replace(/[^\w.-]/g, '_').slice(0, 40);
    return {
      name: `sidecars/${at + 1}-${name}.json`,
      async get() {
        const state = await client.sidecarState(instance);
        return { instance, ...stateDocument(state, SECTIONS) };
      },
    };
  });
  if (instances.length > 0 || all.length <= MAX_SIDECARS) return parts;
  const sentence = `${all.length - MAX_SIDECARS} more sidecars were not asked: name them with --instance`;
  return [...parts, { name: 'sidecars', get: () => Promise.reject(new Error(sentence)) }];
}

function hostParts({ env }: CliContext): Part[] {
  return [
    { name: 'host/facts.json', get: async () => hostFacts() },
    { name: 'host/environment.json', get: async () => cleanEnvironment(env) },
    {
      name: 'host/check.json',
      get: async () => checkHost(await readHostFacts([])),
    },
  ];
}

function metricsPart(place: string): Part {
  return {
    name: `metrics/${place.replace(/[^\w.-]/g, '_').slice(0, 40)}.txt`,
    async get() {
      const signal = AbortSignal.timeout(METRICS_TIMEOUT_MS);
      const response = await fetch(new URL(`http://${place}/metrics`), { signal });
      if (!response.ok) throw new Error(`expected metrics at ${place}, got ${response.status}`);
      return await response.text();
    },
  };
}

function projectPart(name: string): Part {
  const args = ['-p', name, 'logs', '--no-color', '--tail', MAX_LOG_LINES];
  return logPart(`compose-${name}`, 'docker', ['compose', ...args]);
}

function unitPart(name: string): Part {
  const args = ['-u', name, '-n', MAX_LOG_LINES, '-o', 'short-iso'];
  return logPart(`journal-${name}`, 'journalctl', args);
}

function logPart(name: string, program: string, args: readonly string[]): Part {
  return {
    name: `logs/${name.replace(/[^\w.-]/g, '_').slice(0, 40)}.txt`,
    async get() {
      const written = await outputOf(program, args);
      const [own, count] = [ownLines(written), countTerminalLines(written)];
      if (count === 0) return own;
      const sentence = `${count} lines are left out that are for a terminal, which applications write, too; without one (tty: true in Compose) they are JSON`;
      if (own === '') throw new Error(sentence);
      return `# ${sentence}\n${own}`;
    },
  };
}
