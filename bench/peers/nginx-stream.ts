import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BenchCommand } from '../lab/bench-process.ts';
import type { PairCertificates } from '../lab/certificates.ts';
import type { PeerContext } from './peer.ts';

/** Where distributions put the module; where it is compiled in, there is no file. */
export const STREAM_MODULE = '/usr/lib/nginx/modules/ngx_stream_module.so';

/** Writes the configuration of an nginx that carries TCP, with some `server` blocks of `stream`. */
export function nginxStream(
  name: string,
  { directory, placement }: Pick<PeerContext, 'directory' | 'placement'>,
  servers: readonly string[],
): BenchCommand {
  const home = join(directory, name);
  mkdirSync(home);
  const path = join(home, 'nginx.conf');
  writeFileSync(
    path,
    `daemon off;
master_process off;
worker_processes 1;
pid ${home}/nginx.pid;
error_log ${home}/error.log;
${existsSync(STREAM_MODULE) ? `load_module ${STREAM_MODULE};` : ''}
events { worker_connections ${2 * placement.maxConnections + 512}; }
stream {
${servers.map((server) => `  server {\n    ${server}\n  }`).join('\n')}
}
`,
  );
  return { name, program: 'nginx', args: ['-c', path] };
}

/** A `server` block that takes mutual TLS and leads what is inside to a local port. */
export function tlsTerminator(
  { root, callee }: PairCertificates,
  from: number,
  to: number,
): string {
  return `listen 127.0.0.1:${from} ssl backlog=4096;
    proxy_pass 127.0.0.1:${to};
    ssl_protocols TLSv1.3;
    ssl_certificate ${callee.chain};
    ssl_certificate_key ${callee.key};
    ssl_client_certificate ${root};
    ssl_verify_client on;
    ssl_verify_depth 3;`;
}
