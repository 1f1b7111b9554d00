import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CALLEE_NAME } from '../../lab/certificates.ts';
import type { PairPlan, PeerContext } from '../peer.ts';
import { planFarEnd } from './far-end.ts';

/** More connections to the service than any load has clients, so that all of them are kept. */
const KEPT = 512;

/** nginx as an HTTP proxy: HTTP/1.1 to the service, gRPC over HTTP/2. */
export function planNginxGateway(context: PeerContext): Promise<PairPlan> {
  const home = join(context.directory, 'caller');
  mkdirSync(home);
  const path = join(home, 'nginx.conf');
  writeFileSync(path, config(home, context));
  return Promise.resolve({
    caller: { name: 'caller', program: 'nginx', args: ['-c', path] },
    callee: planFarEnd(context),
    measured: 'caller',
    metrics: [],
  });
}

function config(home: string, context: PeerContext): string {
  const { ports, certificates, placement } = context;
  const { root, caller, callee } = certificates;
  const tls = (directive: 'proxy' | 'grpc'): string => `
      ${directive}_ssl_protocols TLSv1.3;
      ${directive}_ssl_certificate ${caller.chain};
      ${directive}_ssl_certificate_key ${caller.key};
      ${directive}_ssl_trusted_certificate ${root};
      ${directive}_ssl_verify on;
      ${directive}_ssl_verify_depth 3;
      ${directive}_ssl_name ${CALLEE_NAME};`;
  const upstream = (name: string, port: number): string =>
    `upstream ${name} { server 127.0.0.1:${port}; keepalive ${KEPT}; keepalive_requests 1000000000; }`;
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path ${home}/${name};`,
  );
  return `daemon off;
master_process off;
worker_processes 1;
pid ${home}/nginx.pid;
error_log ${home}/error.log;
events { worker_connections ${2 * placement.maxConnections + 512}; }
http {
  access_log off;
  keepalive_requests 1000000000;
  keepalive_timeout 1h;
  client_max_body_size 0;
  ${temporary.join(' ')}
  ${upstream('service', ports.tls)}
  ${upstream('grpc', ports.tlsHttp2)}
  server {
    listen 127.0.0.1:${ports.plaintext} backlog=4096;
    listen 127.0.0.1:${ports.plaintextHttp2} http2 backlog=4096;
    listen 127.0.0.1:${ports.https} ssl http2 backlog=4096;
    ssl_certificate ${callee.chain};
    ssl_certificate_key ${callee.key};
    location / {
      proxy_pass https://service;
      proxy_http_version 1.1;
      proxy_set_header Host $host;
      proxy_set_header Connection "";
      proxy_set_header X-Forwarded-For $remote_addr;
      proxy_set_header X-Forwarded-Proto $scheme;${tls('proxy')}
    }
    location /bench.Echo {
      grpc_pass grpcs://grpc;${tls('grpc')}
    }
  }
}
`;
}
