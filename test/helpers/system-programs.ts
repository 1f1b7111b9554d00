import { accessSync, constants, existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';

/** What brings a program to a Debian or Ubuntu machine. */
export interface SystemPackage {
  readonly package: string;
  /** A service that the package would start with the machine, though only a program is wanted. */
  readonly service?: string;
  /** Looked for instead of a program, where what is needed is none. */
  readonly file?: string;
}

/** What tests may need of the machine. The one list: `npm run test:all` installs from it. */
export const REQUIREMENTS = {
  openssl: { package: 'openssl' },
  strip: { package: 'binutils' },
  'aarch64-linux-gnu-strip': { package: 'binutils-aarch64-linux-gnu' },
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
  'php-cgi': { package: 'php-cgi' },
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
  const { file } = (REQUIREMENTS as Readonly<Record<string, SystemPackage>>)[program] ?? {};
  if (file !== undefined) return existsSync(file);
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => {
    // npm puts the programs of packages in front; one of them is called nft and is another.
    if (folder.endsWith('node_modules/.bin')) return false;
    try {
      accessSync(join(folder, program), constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
