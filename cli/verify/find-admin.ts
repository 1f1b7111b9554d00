import { toPem } from '../../common/pki/pem.ts';
import {
  type AdminCredential,
  parseAdminCredential,
  readAdminCredential,
} from '../admin/credential.ts';
import type { ProbeTask } from './agent/agent-task.ts';
import { containerOf } from './find-namespace.ts';
import { runProgram } from './run-program.ts';
import { VerifyError } from './verify-error.ts';

/** The service that `hauberk inject` adds for the control plane. */
const CONTROL_PLANE = 'hauberk-control-plane';

/**
 * Finds the operator's credential, for the attempt with a wrong identity: the file that was named, or
 * the one in the control plane's container of a Compose project.
 *
 * @returns undefined when there is none to be found, and none was named
 * @throws ConfigError for a file that is no such credential
 */
export async function findAdmin(
  file: string | undefined,
  project: string | undefined,
): Promise<ProbeTask['admin']> {
  if (file !== undefined) return toText(readAdminCredential(file));
  if (project === undefined) return undefined;
  try {
    const container = await containerOf(project, CONTROL_PLANE);
    const command = ['exec', container, 'sh', '-c', 'cat "$HAUBERK_ADMIN"'];
    const { code, stdout } = await runProgram('docker', command);
    const source = `what the container of ${CONTROL_PLANE} has`;
    return code === 0 ? toText(parseAdminCredential(stdout, source)) : undefined;
  } catch (error) {
    // A control plane that is elsewhere.
    if (error instanceof VerifyError && error.code === 'place-unknown') return undefined;
    throw error;
  }
}

function toText({ privateKey, chain, roots }: AdminCredential): ProbeTask['admin'] {
  const key = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  return { key, chain: toPem(chain), roots: toPem(roots) };
}
