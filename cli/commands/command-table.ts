import type { CliContext } from '../cli-context.ts';
import { apply } from './apply.ts';
import { authzExplain } from './authz-explain.ts';
import { authzWhoCanReach } from './authz-who-can-reach.ts';
import { backup } from './backup.ts';
import { bundleAdd } from './bundle-add.ts';
import { bundleList } from './bundle-list.ts';
import { bundleRemove } from './bundle-remove.ts';
import { caLock, caRekey, caUnlock } from './ca-keys.ts';
import { caCsr } from './ca-csr.ts';
import { caInstall } from './ca-install.ts';
import { caAbort } from './ca-abort.ts';
import { caRotate } from './ca-rotate.ts';
import { caStatus } from './ca-status.ts';
import { certs } from './certs.ts';
import { certsVerify } from './certs-verify.ts';
import { demo } from './demo.ts';
import { inject } from './inject.ts';
import { rollback } from './rollback.ts';
import { readmit } from './readmit.ts';
import { revocations } from './revocations.ts';
import { revoke } from './revoke.ts';
import { status } from './status.ts';
import { tokenCreate } from './token-create.ts';
import { tokenList } from './token-list.ts';
import { tokenRevoke } from './token-revoke.ts';
import { verify } from './verify.ts';
import { version } from './version.ts';

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

/** The commands that ask a running mesh. The ones that run it are the main file's business. */
export const COMMANDS: readonly Command[] = [
  { words: 'demo', purpose: 'watch a mesh at work on this machine', group: 'Run', run: demo },
  {
    words: 'inject',
    purpose: 'put the services of a Compose file into the mesh',
    group: 'Run',
    run: inject,
  },
  {
    words: 'token create',
    purpose: 'make a join token for sidecars',
    group: 'Operate',
    run: tokenCreate,
  },
  { words: 'token list', purpose: 'list join tokens', group: 'Operate', run: tokenList },
  {
    words: 'token revoke',
    purpose: 'take a join token out of use',
    group: 'Operate',
    run: tokenRevoke,
  },
  {
    words: 'status',
    purpose: 'list sidecars and their certificates',
    group: 'Operate',
    run: status,
  },
  {
    words: 'verify',
    purpose: 'prove that two services are encrypted on the wire',
    group: 'Operate',
    run: verify,
  },
  {
    words: 'apply',
    purpose: 'take a configuration of the mesh into force',
    group: 'Operate',
    run: apply,
  },
  {
    words: 'rollback',
    purpose: 'go back to an earlier configuration of the mesh',
    group: 'Operate',
    run: rollback,
  },
  {
    words: 'ca status',
    purpose: 'show root and issuer, and how far a rotation is',
    group: 'Operate',
    run: caStatus,
  },
  {
    words: 'ca rotate',
    purpose: 'put a new root in the place of the present one',
    group: 'Operate',
    run: caRotate,
  },
  {
    words: 'ca abort',
    purpose: 'go back to the root before',
    group: 'Operate',
    run: caAbort,
  },
  {
    words: 'ca csr',
    purpose: 'print the request for an issuer below an offline root',
    group: 'Operate',
    run: caCsr,
  },
  {
    words: 'ca install',
    purpose: 'sign with the issuer that was made from it',
    group: 'Operate',
    run: caInstall,
  },
  {
    words: 'bundle list',
    purpose: 'list the roots that sidecars believe',
    group: 'Operate',
    run: bundleList,
  },
  {
    words: 'bundle add',
    purpose: 'let peers lead to another root as well',
    group: 'Operate',
    run: bundleAdd,
  },
  { words: 'bundle remove', purpose: 'end that', group: 'Operate', run: bundleRemove },
  {
    words: 'authz explain',
    purpose: 'say which rule lets a service in, or keeps it out',
    group: 'Operate',
    run: authzExplain,
  },
  {
    words: 'authz who-can-reach',
    purpose: 'list who may reach a port',
    group: 'Operate',
    run: authzWhoCanReach,
  },
  {
    words: 'certs verify',
    purpose: 'check that nobody changed the issuance log',
    group: 'Operate',
    run: certsVerify,
  },
  { words: 'certs', purpose: 'show the issuance log', group: 'Operate', run: certs },
  {
    words: 'revoke',
    purpose: 'throw an identity or a certificate out, at once',
    group: 'Operate',
    run: revoke,
  },
  {
    words: 'readmit',
    purpose: 'let a revoked identity in again',
    group: 'Operate',
    run: readmit,
  },
  {
    words: 'backup',
    purpose: 'write everything that the control plane knows into one file',
    group: 'Operate',
    run: backup,
  },
  {
    words: 'ca lock',
    purpose: 'make the control plane forget how to open its keys',
    group: 'Operate',
    run: caLock,
  },
  { words: 'ca unlock', purpose: 'unlock the keys of the mesh', group: 'Operate', run: caUnlock },
  {
    words: 'ca rekey',
    purpose: 'encrypt the keys of the mesh anew',
    group: 'Operate',
    run: caRekey,
  },
  { words: 'revocations', purpose: 'list what is revoked', group: 'Operate', run: revocations },
  { words: 'version', purpose: 'print the version', group: 'Operate', run: version },
];
