import { chmodSync, chownSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { runProgram, type BenchCommand } from '../../lab/bench-process.ts';
import { CALLEE_NAME } from '../../lab/certificates.ts';
import type { Site } from '../../lab/topology.ts';
import { hauberkCommand, startHauberkMesh, type HauberkMesh } from '../hauberk-mesh.ts';
import type { PairPlan, PeerContext } from '../peer.ts';
import { requireTopology } from './require-topology.ts';

/** The user of sidecars, by whom the rules know what not to redirect (`proxy/interception`). */
const SIDECAR_UID = 15_337;
const RULES_DEADLINE_MS = 30_000;

/** Hauberk on both hosts, with rules that redirect what the applications call and what peers send. */
export async function planTransparentHauberk(context: PeerContext): Promise<PairPlan> {
  const { caller, callee } = requireTopology(context);
  openFolders(context.directory);
  const mesh = await startHauberkMesh(context);
  try {
    chownSync(join(context.directory, 'token'), SIDECAR_UID, SIDECAR_UID);
    await redirect(caller);
    await redirect(callee);
  } catch (error) {
    await mesh.close();
    throw error;
  }
  return {
    caller: sidecar(mesh, context, 'caller', 'web', caller),
    callee: sidecar(mesh, context, 'callee', CALLEE_NAME, callee),
    metrics: [],
    close: mesh.close,
  };
}

/** The sidecars' user has to get at its files in the folders of the bench. */
function openFolders(directory: string): void {
  for (const folder of [join(directory, '..'), directory]) chmodSync(folder, 0o711);
}

async function redirect({ through }: Site): Promise<void> {
  const rules = hauberkCommand('init-netns', ['proxy', 'init-netns']);
  await runProgram({ ...rules, through }, RULES_DEADLINE_MS);
}

function sidecar(
  mesh: HauberkMesh,
  { directory }: PeerContext,
  name: string,
  service: string,
  { address, through }: Site,
): BenchCommand {
  const state = join(directory, `${name}-state`);
  mkdirSync(state, { mode: 0o700 });
  chownSync(state, SIDECAR_UID, SIDECAR_UID);
  const user = [
    'setpriv',
    `--reuid=${SIDECAR_UID}`,
    `--regid=${SIDECAR_UID}`,
    '--clear-groups',
    '--pdeathsig=KILL',
  ];
  const flags = ['--transparent', '--outbound=mesh-only', `--advertise=${address}`];
  const command = mesh.member(name, 'proxy', [`--service=${service}`, ...flags]);
  return { ...command, through, as: user };
}
