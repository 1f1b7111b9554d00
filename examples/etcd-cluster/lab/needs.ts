import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';

/** The programs that the example runs, and the Debian packages that bring them. */
const PROGRAMS: Readonly<Record<string, string>> = {
  etcd: 'etcd-server',
  etcdctl: 'etcd-client',
  ip: 'iproute2',
  tcpdump: 'tcpdump',
  curl: 'curl',
  unshare: 'util-linux',
};

/** One sentence that says what is missing to run the example, or undefined. */
export function missingForLab(searchPath: string): string | undefined {
  const missing = Object.keys(PROGRAMS).filter((program) => !isPresent(program, searchPath));
  if (missing.length > 0) {
    const packages = missing.map((program) => PROGRAMS[program]).join(' ');
    return `${missing.join(', ')} not found; on Debian or Ubuntu: apt-get install ${packages}`;
  }
  if (process.getuid?.() !== 0) {
    return 'network namespaces need root on Linux: run it with sudo';
  }
  return undefined;
}

function isPresent(program: string, searchPath: string): boolean {
  return searchPath.split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
