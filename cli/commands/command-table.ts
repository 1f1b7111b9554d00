import type { CliContext } from '../cli-context.ts';
import type { NamedCommand } from '../described-command.ts';

/** A command that can be run. */
export interface Command extends NamedCommand {
  /** Does it, with what follows the words; resolves with the exit code. */
  run(context: CliContext): Promise<number>;
}

type Run = Command['run'];

function command(group: Command['group']) {
  return <Name extends string>(
    words: string,
    purpose: string,
    load: () => Promise<Readonly<Record<Name, Run>>>,
    name: Name,
  ): Command => ({ words, purpose, group, run: async (context) => (await load())[name](context) });
}

const run = command('Run');
const operate = command('Operate');

const authority = () => import('./ca/authority.ts');
const bundle = () => import('./bundle/bundle.ts');
const certificates = () => import('./certs.ts');
const keys = () => import('./ca/keys.ts');
const meshConfig = () => import('./mesh-config.ts');
const revocation = () => import('./revocation.ts');
const token = () => import('./token.ts');
const explain = () => import('./authz/explain.ts');
const whoCanReach = () => import('./authz/who-can-reach.ts');

/**
 * The commands that ask a running mesh. The ones that run it are the main file's business. Each is loaded
 * when it is run: a sidecar would keep them all in memory, and every command wait for them.
 */
export const COMMANDS: readonly Command[] = [
  run('demo', 'run a demo mesh on this machine', () => import('./demo.ts'), 'run'),
  run(
    'inject',
    'add the services of a Compose file to the mesh',
    () => import('./inject.ts'),
    'run',
  ),
  operate('token create', 'make a join token for sidecars', token, 'createToken'),
  operate('token list', 'list join tokens', token, 'listTokens'),
  operate('token revoke', 'revoke a join token', token, 'revokeToken'),
  operate('status', 'list sidecars and their certificates', () => import('./status.ts'), 'run'),
  operate(
    'describe',
    'describe a service: instances, callers, access, routes',
    () => import('./describe.ts'),
    'run',
  ),
  operate(
    'proxy-config',
    'show what a sidecar believes: endpoints, policy, tunnels',
    () => import('./proxy-config/proxy-config.ts'),
    'run',
  ),
  operate('dashboard', 'sign a browser in to the dashboard', () => import('./dashboard.ts'), 'run'),
  operate(
    'edges',
    'list who calls whom, and what is not encrypted',
    () => import('./traffic/edges.ts'),
    'run',
  ),
  operate(
    'stat',
    'show how services answer: success and latency',
    () => import('./traffic/stat.ts'),
    'run',
  ),
  operate('top', 'show the busiest edges, live', () => import('./traffic/top.ts'), 'run'),
  operate(
    'tap',
    'show connections and requests as they happen',
    () => import('./traffic/tap.ts'),
    'run',
  ),
  operate(
    'check',
    'check the mesh, or a host before an installation',
    () => import('./check.ts'),
    'run',
  ),
  operate(
    'bug-report',
    'write an archive to look into a problem with, without secrets',
    () => import('./bug-report.ts'),
    'run',
  ),
  operate(
    'verify',
    'prove that two services are encrypted on the wire',
    () => import('./verify.ts'),
    'run',
  ),
  operate('routes', 'list the routes of HTTP requests', () => import('./routes/routes.ts'), 'run'),
  operate('apply', 'apply a configuration of the mesh', meshConfig, 'apply'),
  operate('rollback', 'roll back to an earlier configuration of the mesh', meshConfig, 'rollback'),
  operate(
    'ca status',
    'show root and issuer, and the progress of a rotation',
    authority,
    'authorityStatus',
  ),
  operate('ca rotate', 'replace the root', () => import('./ca/rotate.ts'), 'run'),
  operate('ca abort', 'abort a rotation of the root', authority, 'abortRotation'),
  operate(
    'ca csr',
    'print the request for an issuer below an offline root',
    authority,
    'requestIssuer',
  ),
  operate(
    'ca install',
    'install an issuer that an offline root has signed',
    authority,
    'installIssuer',
  ),
  operate('bundle list', 'list the roots that sidecars trust', bundle, 'listBundle'),
  operate('bundle add', 'add a root to the trust bundle, or federate', bundle, 'addToBundle'),
  operate(
    'bundle remove',
    'remove a root from the trust bundle, or end a federation',
    bundle,
    'removeFromBundle',
  ),
  operate('authz explain', 'explain which rule allows or denies a connection', explain, 'run'),
  operate('authz who-can-reach', 'list who may reach a port', whoCanReach, 'run'),
  operate('certs verify', 'check that the issuance log was not changed', certificates, 'verifyLog'),
  operate('certs', 'show the issuance log', certificates, 'showLog'),
  operate(
    'admin list',
    'list the credentials of operators and their last use',
    () => import('./admin-list.ts'),
    'run',
  ),
  operate('revoke', 'revoke an identity or a certificate at once', revocation, 'revoke'),
  operate('readmit', 'readmit a revoked identity', revocation, 'readmit'),
  operate('backup', 'back up the state of the control plane', () => import('./backup.ts'), 'run'),
  operate('ca lock', 'lock the private keys of the mesh', keys, 'lockKeys'),
  operate('ca unlock', 'unlock the private keys of the mesh', keys, 'unlockKeys'),
  operate('ca rekey', 'change the passphrase or key file of the private keys', keys, 'rekey'),
  operate('revocations', 'list revoked identities and certificates', revocation, 'listRevocations'),
  operate('version', 'print the version', () => import('./version.ts'), 'run'),
];
