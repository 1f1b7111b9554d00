import { accessSync, constants, existsSync, readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** What brings a program to a Debian or Ubuntu machine. */
export interface SystemPackage {
  readonly package: string;
  /** A service that the package would start with the machine, though only a program is wanted. */
  readonly service?: string;
  /** Looked for instead of a program, where what is needed is none. */
  readonly file?: string;
  /** The distribution puts the version behind the name of the program. */
  readonly isVersioned?: boolean;
}

/** Where Debian puts the libraries of arm64 on other machines. */
export const ARM64_ROOT = '/usr/aarch64-linux-gnu';

/** What tests may need of the machine. The one list: `npm run test:all` installs from it. */
export const REQUIREMENTS = {
  openssl: { package: 'openssl' },
  strip: { package: 'binutils' },
  'aarch64-linux-gnu-strip': { package: 'binutils-aarch64-linux-gnu' },
  // What runs programs for arm64 on another machine, and the libraries that they are linked with.
  'qemu-aarch64': { package: 'qemu-user' },
  'libc for arm64': { package: 'libc6-arm64-cross', file: `${ARM64_ROOT}/lib/libc.so.6` },
  'libatomic for arm64': {
    package: 'libatomic1-arm64-cross',
    file: `${ARM64_ROOT}/lib/libatomic.so.1`,
  },
  'libstdc++ for arm64': {
    package: 'libstdc++6-arm64-cross',
    file: `${ARM64_ROOT}/lib/libstdc++.so.6`,
  },
  'dpkg-deb': { package: 'dpkg' },
  'systemd-notify': { package: 'systemd' },
  perl: { package: 'perl-base' },
  prometheus: { package: 'prometheus', service: 'prometheus' },
  promtool: { package: 'prometheus', service: 'prometheus' },
  faketime: { package: 'faketime' },
  curl: { package: 'curl' },
  'docker-compose': { package: 'docker-compose' },
  dockerd: { package: 'docker.io', service: 'docker' },
  slirp4netns: { package: 'slirp4netns' },
  mmdebstrap: { package: 'mmdebstrap' },
  nft: { package: 'nftables' },
  nghttpx: { package: 'nghttp2-proxy', service: 'nghttpx' },
  ip: { package: 'iproute2' },
  tcpdump: { package: 'tcpdump' },
  ping: { package: 'iputils-ping' },
  // Brings nginx along, which is an application and a peer of the bench.
  nginx: { package: 'libnginx-mod-stream', service: 'nginx' },
  apache2: { package: 'apache2-bin' },
  'php-fpm': { package: 'php-fpm', isVersioned: true },
  haproxy: { package: 'haproxy', service: 'haproxy' },
  chromium: { package: 'chromium' },
  wrk: { package: 'wrk' },
  nghttp: { package: 'nghttp2-client' },
  h2load: { package: 'nghttp2-client' },
  taskset: { package: 'util-linux' },
  prlimit: { package: 'util-linux' },
  script: { package: 'bsdutils' },
  // What compiles the clients that are written in C, and the headers of OpenSSL.
  cc: { package: 'gcc' },
  'stdlib.h': { package: 'libc6-dev', file: '/usr/include/stdlib.h' },
  'openssl/ssl.h': { package: 'libssl-dev', file: '/usr/include/openssl/ssl.h' },
  bash: { package: 'bash' },
  zsh: { package: 'zsh' },
  fish: { package: 'fish' },
  mandoc: { package: 'mandoc' },
  etcd: { package: 'etcd-server', service: 'etcd' },
  etcdctl: { package: 'etcd-client' },
} as const satisfies Readonly<Record<string, SystemPackage>>;

/** A program that a test runs. */
export type Requirement = keyof typeof REQUIREMENTS;

/** Whether the program can be run here, or the file is there. */
export function isPresent(program: string): boolean {
  const { file } = describe(program);
  return file === undefined ? find(program) !== undefined : existsSync(file);
}

/** The path of a program that is present. */
export function programPath(program: Requirement): string {
  const found = find(program);
  if (found === undefined) throw new Error(`expected ${program} on the PATH, and it is not there`);
  return found;
}

function describe(program: string): Partial<SystemPackage> {
  return (REQUIREMENTS as Readonly<Record<string, SystemPackage>>)[program] ?? {};
}

function find(program: string): string | undefined {
  const { isVersioned = false } = describe(program);
  for (const folder of (process.env['PATH'] ?? '').split(delimiter)) {
    // npm puts the programs of packages in front; one of them is called nft and is another.
    if (folder.endsWith('node_modules/.bin')) continue;
    const names = isVersioned ? versions(folder, program) : [program];
    const found = names.map((name) => join(folder, name)).find(isExecutable);
    if (found !== undefined) return found;
  }
  return undefined;
}

function versions(folder: string, program: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder).filter(
    (name) => name.startsWith(program) && /^[\d.]*$/.test(name.slice(program.length)),
  );
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
