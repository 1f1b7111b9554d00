import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Peer } from './peer.ts';
import { programVersion } from './program-version.ts';

/** Where distributions put the module; where it is compiled in, there is no file. */
const STREAM_MODULE = '/usr/lib/nginx/modules/ngx_stream_module.so';

/** nginx as a TCP proxy (ngx_stream_proxy_module), TLS to the upstream and from the client. */
export const nginxPeer: Peer = {
  id: 'nginx',
  title: 'nginx stream',
  kind: 'one-to-one',
  program: 'nginx',
  install: 'apt-get install nginx-light libnginx-mod-stream',
  version,
  plan({
    directory,
    app,
    certificates: { root, caller, callee },
    ports,
    placement: { maxConnections },
  }) {
    const files = (side: string, server: string): string => {
      const home = join(directory, side);
      mkdirSync(home);
      const path = join(home, 'nginx.conf');
      writeFileSync(path, config(home, maxConnections, server));
      return path;
    };
    const callerConfig = files(
      'caller',
      `listen 127.0.0.1:${ports.plaintext} backlog=4096;
    proxy_pass 127.0.0.1:${ports.tls};
    proxy_ssl on;
    proxy_ssl_protocols TLSv1.3;
    proxy_ssl_certificate ${caller.chain};
    proxy_ssl_certificate_key ${caller.key};
    proxy_ssl_trusted_certificate ${root};
    proxy_ssl_verify on;
    proxy_ssl_verify_depth 3;
    proxy_ssl_name api;`,
    );
    const calleeConfig = files(
      'callee',
      `listen 127.0.0.1:${ports.tls} ssl backlog=4096;
    proxy_pass 127.0.0.1:${app.httpPort};
    ssl_protocols TLSv1.3;
    ssl_certificate ${callee.chain};
    ssl_certificate_key ${callee.key};
    ssl_client_certificate ${root};
    ssl_verify_client on;
    ssl_verify_depth 3;`,
    );
    return Promise.resolve({
      caller: { name: 'caller', program: 'nginx', args: ['-c', callerConfig] },
      callee: { name: 'callee', program: 'nginx', args: ['-c', calleeConfig] },
      metrics: [],
    });
  },
};

/** Without the module nginx is only the application. */
async function version(): Promise<string | undefined> {
  const isCompiledIn = await programVersion('nginx', ['-V'], /(--with-stream)(?= |$)/);
  if (!existsSync(STREAM_MODULE) && isCompiledIn !== '--with-stream') return undefined;
  return await programVersion('nginx', ['-v'], /nginx\/(\S+)/);
}

function config(home: string, maxConnections: number, server: string): string {
  return `daemon off;
master_process off;
worker_processes 1;
pid ${home}/nginx.pid;
error_log ${home}/error.log;
${existsSync(STREAM_MODULE) ? `load_module ${STREAM_MODULE};` : ''}
events { worker_connections ${2 * maxConnections + 512}; }
stream {
  server {
    ${server}
  }
}
`;
}
