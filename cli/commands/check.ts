import { setTimeout as sleep } from 'node:timers/promises';
import type { X509Certificate } from 'node:crypto';
import { EXIT_CODE, exitCodeOf } from '../../common/config/exit-code.ts';
import { runCommand } from '../../common/config/run-command.ts';
import {
  setting,
  switchSetting,
  type CommandSpec,
  type SettingsOf,
} from '../../common/config/settings.ts';
import { durationSeconds } from '../../common/config/values.ts';
import { HauberkError } from '../../common/errors.ts';
import { readStoredMeshConfig } from '../../common/mesh-config/read-mesh-config.ts';
import { RpcError } from '../../common/rpc/rpc-error.ts';
import type { CheckPeersResponse } from '../../proto/gen/hauberk/v1/admin.ts';
import { ADMIN_SETTINGS } from '../admin/settings.ts';
import { checkHost } from '../check/check-host.ts';
import { checkMesh } from '../check/check-mesh.ts';
import { failed, type Finding } from '../check/finding.ts';
import { readHostFacts } from '../check/host-facts.ts';
import type { MeshFacts } from '../check/mesh-facts.ts';
import { formatFindings } from '../check/report.ts';
import type { AdminClient } from '../admin/client.ts';
import type { CliContext } from '../cli-context.ts';
import { readAdminCredential } from '../admin/credential.ts';
import { formatJson } from '../output/json.ts';
import { askControlPlane } from '../admin/admin-command.ts';
import { seenIdentities, unseenNames } from '../names/unseen-names.ts';

const settings = {
  host: switchSetting({
    description: 'check this host instead of the mesh, before an installation',
  }),
  wait: setting(durationSeconds({ min: 0, max: 3_600 }).default(0), {
    description: 'check again until nothing has failed, for at most this long, as in 30s, 2m',
    placeholder: 'TIME',
  }),
  ...ADMIN_SETTINGS,
};

const spec: CommandSpec<typeof settings> = {
  name: 'hauberk check',
  summary:
    'Checks the mesh: control planes, root and issuer, sidecars with their certificates, versions, clocks and addresses, whether they reach the peers that they know, names that fit no workload, and what still passes in plaintext. Each check is one line, with what to do about it where something is to be done.',
  settings,
  examples: [
    { purpose: 'the mesh', line: 'hauberk check' },
    { purpose: 'this host, before an installation', line: 'hauberk check --host' },
    {
      purpose: 'in a script, after a deployment',
      line: 'hauberk check --wait 2m || exit 1',
    },
  ],
  notes: [
    'Sidecars dial the peers that they know, at the addresses that those advertise, once in ten seconds at most.',
    'Exit code 0: nothing has failed, though there may be something to look at. 1: a check has failed. 3: no control plane was reached.',
  ],
};

/** How often `--wait` looks. */
const INTERVAL_MS = 1_000;

/** Those that the programs listen on unless they are told otherwise. */
const PORTS = [15_008, 15_012, 15_014, 15_020, 15_080];

interface Outcome {
  readonly findings: readonly Finding[];
  readonly exitCode: number;
}

/** `hauberk check` */
export function run(context: CliContext): Promise<number> {
  return runCommand(spec, context, async (given) => {
    const { stdout, clock } = context;
    const look = async (): Promise<Outcome> =>
      given.host ? await lookAtHost() : await lookAtMesh(given, context);
    const deadlineMs = clock.monotonicMs() + given.wait * 1_000;
    let outcome = await look();
    while (outcome.exitCode !== EXIT_CODE.ok && clock.monotonicMs() < deadlineMs) {
      await sleep(INTERVAL_MS);
      outcome = await look();
    }
    const { findings, exitCode } = outcome;
    stdout.write(given.json ? formatJson({ findings }) : formatFindings(findings));
    return exitCode;
  });
}

async function lookAtHost(): Promise<Outcome> {
  const findings = checkHost(await readHostFacts(PORTS));
  return { findings, exitCode: exitCodeFor(findings) };
}

async function lookAtMesh(
  given: SettingsOf<typeof settings>,
  context: CliContext,
): Promise<Outcome> {
  const { chain } = readAdminCredential(given.admin);
  try {
    const findings = checkMesh(await askFacts(given, context, chain));
    return { findings, exitCode: exitCodeFor(findings) };
  } catch (error) {
    if (!(error instanceof HauberkError) || exitCodeOf(error) !== EXIT_CODE.unreachable)
      throw error;
    const remedy = error.hint ?? 'give its address with --control-plane HOST:PORT';
    return {
      findings: [failed('control-planes', error.message, remedy)],
      exitCode: EXIT_CODE.unreachable,
    };
  }
}

function exitCodeFor(findings: readonly Finding[]): number {
  return findings.some(({ state }) => state === 'failed') ? EXIT_CODE.failed : EXIT_CODE.ok;
}

async function askFacts(
  given: SettingsOf<typeof settings>,
  { clock }: CliContext,
  chain: readonly X509Certificate[],
): Promise<MeshFacts> {
  return await askControlPlane(given, async (client) => {
    const [status, peers, authority, { document }, seen] = await Promise.all([
      client.status(),
      askPeers(client),
      client.getAuthority(),
      client.getMeshConfig(),
      seenIdentities(client),
    ]);
    return {
      ...status,
      authority,
      peers,
      nowMs: clock.epochMs(),
      clockAheadMs: status.nowMs === 0 ? undefined : clock.epochMs() - status.nowMs,
      credentialNotAfterMs: Math.min(...chain.map((one) => one.validToDate.getTime())),
      unseenNames: unseenNames(readStoredMeshConfig(document, 'mesh.yaml'), seen),
    };
  });
}

/** Undefined when the control plane is of a version that does not know the question. */
async function askPeers(client: AdminClient): Promise<CheckPeersResponse | undefined> {
  try {
    return await client.checkPeers();
  } catch (error) {
    if (error instanceof RpcError && error.code === 'protocol') return undefined;
    throw error;
  }
}
