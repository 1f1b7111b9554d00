import type { CliContext } from './cli-context.ts';
import type { Command } from './command.ts';

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

const controlPlane = () => import('../control-plane/main.ts');
const proxy = () => import('../proxy/main.ts');
const authority = () => import('./commands/ca/authority.ts');
const bundle = () => import('./commands/bundle/bundle.ts');
const certificates = () => import('./commands/certs.ts');
const keys = () => import('./commands/ca/keys.ts');
const meshConfig = () => import('./commands/mesh-config.ts');
const revocation = () => import('./commands/revocation.ts');
const token = () => import('./commands/token.ts');
const explain = () => import('./commands/authz/explain.ts');
const whoCanReach = () => import('./commands/authz/who-can-reach.ts');

/**
 * All commands, in the order of the help; of two that begin alike, the longer one first. Each is loaded when it is
 * run: a sidecar would keep them all in memory, and every command wait for them.
 */
export const COMMANDS: readonly Command[] = [
  run(
    'control-plane',
    'run the control plane: certificates, discovery, tokens',
    controlPlane,
    'run',
  ),
  operate(
    'restore',
    'restore the data directory of a control plane from a backup',
    controlPlane,
    'runRestore',
  ),
  operate(
    'store migrate',
    'move the state of the mesh from SQLite to etcd, or back',
    controlPlane,
    'runMigrate',
  ),
  run(
    'proxy init-netns',
    'redirect the traffic of a network namespace to its sidecar',
    proxy,
    'initNetns',
  ),
  run('proxy', 'run a sidecar beside a service', proxy, 'run'),
  run(
    'keeper',
    'restart the containers that share the network of a restarted one',
    () => import('../keeper/main.ts'),
    'run',
  ),
  run('gateway', 'accept connections from outside the mesh', proxy, 'runGateway'),
  run('demo', 'run a demo mesh on this machine', () => import('./commands/demo.ts'), 'run'),
  run(
    'inject',
    'add the services of a Compose file to the mesh',
    () => import('./commands/inject.ts'),
    'run',
  ),
  operate('token create', 'make a join token for sidecars', token, 'createToken'),
  operate('token list', 'list join tokens', token, 'listTokens'),
  operate('token revoke', 'revoke a join token', token, 'revokeToken'),
  operate(
    'status',
    'list sidecars and their certificates',
    () => import('./commands/status.ts'),
    'run',
  ),
  operate(
    'describe',
    'describe a service: instances, callers, access, routes',
    () => import('./commands/describe.ts'),
    'run',
  ),
  operate(
    'proxy-config',
    'show what a sidecar believes: endpoints, policy, tunnels',
    () => import('./commands/proxy-config/proxy-config.ts'),
    'run',
  ),
  operate(
    'dashboard',
    'sign a browser in to the dashboard',
    () => import('./commands/dashboard.ts'),
    'run',
  ),
  operate(
    'edges',
    'list who calls whom, and what is not encrypted',
    () => import('./commands/traffic/edges.ts'),
    'run',
  ),
  operate(
    'stat',
    'show how services answer: success and latency',
    () => import('./commands/traffic/stat.ts'),
    'run',
  ),
  operate('top', 'show the busiest edges, live', () => import('./commands/traffic/top.ts'), 'run'),
  operate(
    'tap',
    'show connections and requests as they happen',
    () => import('./commands/traffic/tap.ts'),
    'run',
  ),
  operate(
    'check',
    'check the mesh, or a host before an installation',
    () => import('./commands/check.ts'),
    'run',
  ),
  operate(
    'bug-report',
    'write an archive to look into a problem with, without secrets',
    () => import('./commands/bug-report.ts'),
    'run',
  ),
  operate(
    'verify',
    'prove that two services are encrypted on the wire',
    () => import('./commands/verify.ts'),
    'run',
  ),
  operate(
    'routes',
    'list the routes of HTTP requests',
    () => import('./commands/routes/routes.ts'),
    'run',
  ),
  operate('apply', 'apply a configuration of the mesh', meshConfig, 'apply'),
  operate('rollback', 'roll back to an earlier configuration of the mesh', meshConfig, 'rollback'),
  operate(
    'ca status',
    'show root and issuer, and the progress of a rotation',
    authority,
    'authorityStatus',
  ),
  operate('ca rotate', 'replace the root', () => import('./commands/ca/rotate.ts'), 'run'),
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
    () => import('./commands/admin/list.ts'),
    'run',
  ),
  operate('revoke', 'revoke an identity or a certificate at once', revocation, 'revoke'),
  operate('readmit', 'readmit a revoked identity', revocation, 'readmit'),
  operate(
    'backup',
    'back up the state of the control plane',
    () => import('./commands/backup.ts'),
    'run',
  ),
  operate('ca lock', 'lock the private keys of the mesh', keys, 'lockKeys'),
  operate('ca unlock', 'unlock the private keys of the mesh', keys, 'unlockKeys'),
  operate('ca rekey', 'change the passphrase or key file of the private keys', keys, 'rekey'),
  operate('revocations', 'list revoked identities and certificates', revocation, 'listRevocations'),
  operate('version', 'print the version', () => import('./commands/version.ts'), 'run'),
  withAll('manual', 'write the manual pages', () => import('./commands/manual.ts')),
  withAll(
    'completion',
    'print the completion script of a shell',
    () => import('./commands/completion.ts'),
  ),
];

/** One that is about all commands. */
function withAll(
  words: string,
  purpose: string,
  load: () => Promise<{ run(context: CliContext, commands: readonly Command[]): Promise<number> }>,
): Command {
  return {
    words,
    purpose,
    group: 'Operate',
    run: async (context) => (await load()).run(context, COMMANDS),
  };
}
