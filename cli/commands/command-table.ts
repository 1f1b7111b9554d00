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
    purpose: 'watch a mesh at work on this machine',
    group: 'Run',
    run: async (context) => (await import('./demo.ts')).demo(context),
  },
  {
    words: 'inject',
    purpose: 'put the services of a Compose file into the mesh',
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
    purpose: 'take a join token out of use',
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
    purpose: 'take a configuration of the mesh into force',
    group: 'Operate',
    run: async (context) => (await import('./apply.ts')).apply(context),
  },
  {
    words: 'rollback',
    purpose: 'go back to an earlier configuration of the mesh',
    group: 'Operate',
    run: async (context) => (await import('./rollback.ts')).rollback(context),
  },
  {
    words: 'ca status',
    purpose: 'show root and issuer, and how far a rotation is',
    group: 'Operate',
    run: async (context) => (await import('./ca-status.ts')).caStatus(context),
  },
  {
    words: 'ca rotate',
    purpose: 'put a new root in the place of the present one',
    group: 'Operate',
    run: async (context) => (await import('./ca-rotate.ts')).caRotate(context),
  },
  {
    words: 'ca abort',
    purpose: 'go back to the root before',
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
    purpose: 'sign with the issuer that was made from it',
    group: 'Operate',
    run: async (context) => (await import('./ca-install.ts')).caInstall(context),
  },
  {
    words: 'bundle list',
    purpose: 'list the roots that sidecars believe',
    group: 'Operate',
    run: async (context) => (await import('./bundle-list.ts')).bundleList(context),
  },
  {
    words: 'bundle add',
    purpose: 'let peers lead to another root as well',
    group: 'Operate',
    run: async (context) => (await import('./bundle-add.ts')).bundleAdd(context),
  },
  {
    words: 'bundle remove',
    purpose: 'end that',
    group: 'Operate',
    run: async (context) => (await import('./bundle-remove.ts')).bundleRemove(context),
  },
  {
    words: 'authz explain',
    purpose: 'say which rule lets a service in, or keeps it out',
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
    purpose: 'check that nobody changed the issuance log',
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
    purpose: 'list the credentials of operators, and where each was used last',
    group: 'Operate',
    run: async (context) => (await import('./admin-list.ts')).adminList(context),
  },
  {
    words: 'revoke',
    purpose: 'throw an identity or a certificate out, at once',
    group: 'Operate',
    run: async (context) => (await import('./revoke.ts')).revoke(context),
  },
  {
    words: 'readmit',
    purpose: 'let a revoked identity in again',
    group: 'Operate',
    run: async (context) => (await import('./readmit.ts')).readmit(context),
  },
  {
    words: 'backup',
    purpose: 'write everything that the control plane knows into one file',
    group: 'Operate',
    run: async (context) => (await import('./backup.ts')).backup(context),
  },
  {
    words: 'ca lock',
    purpose: 'make the control plane forget how to open its keys',
    group: 'Operate',
    run: async (context) => (await import('./ca-keys.ts')).caLock(context),
  },
  {
    words: 'ca unlock',
    purpose: 'unlock the keys of the mesh',
    group: 'Operate',
    run: async (context) => (await import('./ca-keys.ts')).caUnlock(context),
  },
  {
    words: 'ca rekey',
    purpose: 'encrypt the keys of the mesh anew',
    group: 'Operate',
    run: async (context) => (await import('./ca-keys.ts')).caRekey(context),
  },
  {
    words: 'revocations',
    purpose: 'list what is revoked',
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
