import type { CliContext } from '../cli-context.ts';

/** A command by the words that are typed for it. */
export interface Command {
  /** `token create` */
  readonly words: string;
  /** What it does, for the list of commands: a few words. */
  readonly purpose: string;
  /** Under which heading it is listed. */
  readonly group: 'Run' | 'Operate';
  /** Does it, with what follows the words; resolves with the exit code. */
  run(context: CliContext): Promise<number>;
}

type Load = () => Promise<Pick<Command, 'run'>>;

function command(group: Command['group']) {
  return (words: string, purpose: string, load: Load): Command => ({
    words,
    purpose,
    group,
    run: async (context) => (await load()).run(context),
  });
}

const run = command('Run');
const operate = command('Operate');

/**
 * The commands that ask a running mesh. The ones that run it are the main file's business. Each is loaded
 * when it is run: a sidecar would keep them all in memory, and every command wait for them.
 */
export const COMMANDS: readonly Command[] = [
  run('demo', 'run a demo mesh on this machine', () => import('./demo.ts')),
  run('inject', 'add the services of a Compose file to the mesh', () => import('./inject.ts')),
  operate('token create', 'make a join token for sidecars', () => import('./token-create.ts')),
  operate('token list', 'list join tokens', () => import('./token-list.ts')),
  operate('token revoke', 'revoke a join token', () => import('./token-revoke.ts')),
  operate('status', 'list sidecars and their certificates', () => import('./status.ts')),
  operate(
    'verify',
    'prove that two services are encrypted on the wire',
    () => import('./verify.ts'),
  ),
  operate('apply', 'apply a configuration of the mesh', () => import('./apply.ts')),
  operate(
    'rollback',
    'roll back to an earlier configuration of the mesh',
    () => import('./rollback.ts'),
  ),
  operate(
    'ca status',
    'show root and issuer, and the progress of a rotation',
    () => import('./ca-status.ts'),
  ),
  operate('ca rotate', 'replace the root', () => import('./ca-rotate.ts')),
  operate('ca abort', 'abort a rotation of the root', () => import('./ca-abort.ts')),
  operate(
    'ca csr',
    'print the request for an issuer below an offline root',
    () => import('./ca-csr.ts'),
  ),
  operate(
    'ca install',
    'install an issuer that an offline root has signed',
    () => import('./ca-install.ts'),
  ),
  operate('bundle list', 'list the roots that sidecars trust', () => import('./bundle-list.ts')),
  operate(
    'bundle add',
    'add a root to the trust bundle, or federate',
    () => import('./bundle-add.ts'),
  ),
  operate(
    'bundle remove',
    'remove a root from the trust bundle, or end a federation',
    () => import('./bundle-remove.ts'),
  ),
  operate(
    'authz explain',
    'explain which rule allows or denies a connection',
    () => import('./authz-explain.ts'),
  ),
  operate(
    'authz who-can-reach',
    'list who may reach a port',
    () => import('./authz-who-can-reach.ts'),
  ),
  operate(
    'certs verify',
    'check that the issuance log was not changed',
    () => import('./certs-verify.ts'),
  ),
  operate('certs', 'show the issuance log', () => import('./certs.ts')),
  operate(
    'admin list',
    'list the credentials of operators and their last use',
    () => import('./admin-list.ts'),
  ),
  operate('revoke', 'revoke an identity or a certificate at once', () => import('./revoke.ts')),
  operate('readmit', 'readmit a revoked identity', () => import('./readmit.ts')),
  operate('backup', 'back up the state of the control plane', () => import('./backup.ts')),
  operate('ca lock', 'lock the private keys of the mesh', async () => ({
    run: (await import('./ca-keys.ts')).caLock,
  })),
  operate('ca unlock', 'unlock the private keys of the mesh', async () => ({
    run: (await import('./ca-keys.ts')).caUnlock,
  })),
  operate('ca rekey', 'change the passphrase or key file of the private keys', async () => ({
    run: (await import('./ca-keys.ts')).caRekey,
  })),
  operate(
    'revocations',
    'list revoked identities and certificates',
    () => import('./revocations.ts'),
  ),
  operate('version', 'print the version', () => import('./version.ts')),
];
