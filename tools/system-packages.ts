import { spawnSync } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import {
  isPresent,
  REQUIREMENTS,
  type SystemPackage,
} from '../test/helpers/machine/system-programs.ts';

/** Debian asks this script before a package starts a service; 101 means no. */
const POLICY = '/usr/sbin/policy-rc.d';

/**
 * Installs what is missing, with apt-get.
 *
 * @returns what went wrong, in one sentence, or undefined
 */
export function installMissingPackages(): string | undefined {
  const missing = missingPackages();
  return missing.length > 0 ? installPackages(missing) : undefined;
}

/** The packages of the programs that are not here. */
function missingPackages(): SystemPackage[] {
  return Object.entries(REQUIREMENTS)
    .filter(([program]) => !isPresent(program))
    .map(([, description]) => description);
}

/** Installs packages without starting or enabling a service. */
function installPackages(packages: readonly SystemPackage[]): string | undefined {
  const names = packages.map((one) => one.package);
  const list = names.join(' ');
  if (!isPresent('apt-get') || process.getuid?.() !== 0) {
    return `these system packages are missing: ${list}; install them, or run this as root on Debian or Ubuntu`;
  }
  console.log(`installing ${list}`);
  const ownPolicy = !existsSync(POLICY);
  if (ownPolicy) writeFileSync(POLICY, '#!/bin/sh\nexit 101\n', { mode: 0o755 });
  try {
    const done =
      run('apt-get', ['update', '-qq']) &&
      run('apt-get', ['install', '-qq', '-y', '--no-install-recommends', ...names]);
    if (!done) return `apt-get could not install ${list}`;
  } finally {
    if (ownPolicy) rmSync(POLICY);
  }
  for (const { service } of packages) {
    if (service !== undefined && isPresent('systemctl')) run('systemctl', ['disable', service]);
  }
  return undefined;
}

/** Runs a program and shows what it says only when it fails. */
function run(program: string, args: readonly string[]): boolean {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const { status, stdout, stderr } = spawnSync(program, args, { env, encoding: 'utf8' });
  if (status !== 0) process.stderr.write(`${stdout}${stderr}`);
  return status === 0;
}
