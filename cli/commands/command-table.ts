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

/**
 * The commands that ask a running mesh. The ones that run it are the main file's business. Each is loaded
 * when it is run: a sidecar would keep them all in memory, and every command wait for them.
 */
export const COMMANDS: readonly Command[] = [
  {
    words: 'demo',
    purpose: 'run a demo mesh on this machine',
    group: 'Run',
    run: async (context) => (await import('./demo.ts')).demo(context),
  },
  {
    words: 'inject',
    purpose: 'add the services of a Compose file to the mesh',
    group: 'Run',
    run: async (context) => (await import('./inject.ts')).inject(context),
  },
  {
    words: 'token create',
    purpose: 'make a join token for sidecars',
    group: 'Operate',
    run: async (context) => (await import('./token-create.ts')).tokenCreate(context),
  },
  {
    words: 'token list',
    purpose: 'list join tokens',
    group: 'Operate',
    run: async (context) => (await import('./token-list.ts')).tokenList(context),
  },
  {
    words: 'token revoke',
    purpose: 'revoke a join token',
    group: 'Operate',
    run: async (context) => (await import('./token-revoke.ts')).tokenRevoke(context),
  },
  {
    words: 'status',
    purpose: 'list sidecars and their certificates',
    group: 'Operate',
    run: async (context) => (await import('./status.ts')).status(context),
  },
  {
    words: 'verify',
    purpose: 'prove that two services are encrypted on the wire',
    group: 'Operate',
    run: async (context) => (await import('./verify.ts')).verify(context),
  },
  {
    words: 'apply',
    purpose: 'apply a configuration of the mesh',
    group: 'Operate',
    run: async (context) => (await import('./apply.ts')).apply(context),
  },
  {
    words: 'rollback',
    purpose: 'roll back to an earlier configuration of the mesh',
    group: 'Operate',
    run: async (context) => (await import('./rollback.ts')).rollback(context),
  },
  {
    words: 'ca status',
    purpose: 'show root and issuer, and the progress of a rotation',
    group: 'Operate',
    run: async (context) => (await import('./ca-status.ts')).caStatus(context),
  },
  {
    words: 'ca rotate',
    purpose: 'replace the root',
    group: 'Operate',
    run: async (context) => (await import('./ca-rotate.ts')).caRotate(context),
  },
  {
    words: 'ca abort',
    purpose: 'abort a rotation of the root',
    group: 'Operate',
    run: async (context) => (await import('./ca-abort.ts')).caAbort(context),
  },
  {
    words: 'ca csr',
    purpose: 'print the request for an issuer below an offline root',
    group: 'Operate',
    run: async (context) => (await import('./ca-csr.ts')).caCsr(context),
  },
  {
    words: 'ca install',
    purpose: 'install an issuer that an offline root has signed',
    group: 'Operate',
    run: async (context) => (await import('./ca-install.ts')).caInstall(context),
  },
  {
    words: 'bundle list',
    purpose: 'list the roots that sidecars trust',
    group: 'Operate',
    run: async (context) => (await import('./bundle-list.ts')).bundleList(context),
  },
  {
    words: 'bundle add',
    purpose: 'add a root to the trust bundle, or federate',
    group: 'Operate',
    run: async (context) => (await import('./bundle-add.ts')).bundleAdd(context),
  },
  {
    words: 'bundle remove',
    purpose: 'remove a root from the trust bundle, or end a federation',
    group: 'Operate',
    run: async (context) => (await import('./bundle-remove.ts')).bundleRemove(context),
  },
  {
    words: 'authz explain',
    purpose: 'explain which rule allows or denies a connection',
    group: 'Operate',
    run: async (context) => (await import('./authz-explain.ts')).authzExplain(context),
  },
  {
    words: 'authz who-can-reach',
    purpose: 'list who may reach a port',
    group: 'Operate',
    run: async (context) => (await import('./authz-who-can-reach.ts')).authzWhoCanReach(context),
  },
  {
    words: 'certs verify',
    purpose: 'check that the issuance log was not changed',
    group: 'Operate',
    run: async (context) => (await import('./certs-verify.ts')).certsVerify(context),
  },
  {
    words: 'certs',
    purpose: 'show the issuance log',
    group: 'Operate',
    run: async (context) => (await import('./certs.ts')).certs(context),
  },
  {
    words: 'admin list',
    purpose: 'list the credentials of operators and their last use',
    group: 'Operate',
    run: async (context) => (await import('./admin-list.ts')).adminList(context),
  },
  {
    words: 'revoke',
    purpose: 'revoke an identity or a certificate at once',
    group: 'Operate',
    run: async (context) => (await import('./revoke.ts')).revoke(context),
  },
  {
    words: 'readmit',
    purpose: 'readmit a revoked identity',
    group: 'Operate',
    run: async (context) => (await import('./readmit.ts')).readmit(context),
  },
  {
    words: 'backup',
    purpose: 'back up the state of the control plane',
    group: 'Operate',
    run: async (context) => (await import('./backup.ts')).backup(context),
  },
  {
    words: 'ca lock',
    purpose: 'lock the private keys of the mesh',
    group: 'Operate',
    run: async (context) => (await import('./ca-keys.ts')).caLock(context),
  },
  {
    words: 'ca unlock',
    purpose: 'unlock the private keys of the mesh',
    group: 'Operate',
    run: async (context) => (await import('./ca-keys.ts')).caUnlock(context),
  },
  {
    words: 'ca rekey',
    purpose: 'change the passphrase or key file of the private keys',
    group: 'Operate',
    run: async (context) => (await import('./ca-keys.ts')).caRekey(context),
  },
  {
    words: 'revocations',
    purpose: 'list revoked identities and certificates',
    group: 'Operate',
    run: async (context) => (await import('./revocations.ts')).revocations(context),
  },
  {
    words: 'version',
    purpose: 'print the version',
    group: 'Operate',
    run: async (context) => (await import('./version.ts')).version(context),
  },
];
