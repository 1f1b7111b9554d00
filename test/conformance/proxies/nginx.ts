import { freePort } from '../../helpers/machine/free-port.ts';
import { startNginx } from '../../helpers/servers/nginx.ts';
import type { Scope } from '../../helpers/scope.ts';
import type { ObservedProxy } from '../record/observe.ts';
import { startService } from './start-service.ts';

/** What it says to a service of HTTP/1.1. */
const TO_HTTP1 = `
        proxy_pass http://service;
        proxy_http_version 1.1;
        proxy_request_buffering off;
        proxy_buffering off;
        proxy_next_upstream off;
        proxy_set_header Host $http_host;
        proxy_set_header Upgrade $http_upgrade;
        proxy_set_header Connection $connection_upgrade;
        proxy_set_header X-Forwarded-For $remote_addr;
        proxy_set_header X-Forwarded-Proto $scheme;
        proxy_pass_header Server;
        proxy_pass_header Date;
        proxy_pass_header X-Accel-Redirect;`;

/** And to one of HTTP/2, which nginx has for gRPC; there it always streams. */
const TO_H2C = `
        grpc_pass grpc://service;
        grpc_next_upstream off;
        grpc_set_header Host $http_host;
        grpc_set_header X-Forwarded-For $remote_addr;
        grpc_set_header X-Forwarded-Proto $scheme;
        grpc_pass_header Server;
        grpc_pass_header Date;
        grpc_pass_header X-Accel-Redirect;`;

/** nginx that streams bodies, keeps odd names, and says to the service what the gateway says. */
export async function observeNginx(scope: Scope, spoken?: 'h2c'): Promise<ObservedProxy> {
  const service = await startService(scope, spoken);
  const http2Port = await freePort();
  const port = await startNginx(
    scope,
    `
    map $http_upgrade $connection_upgrade { default upgrade; '' ''; }
    upstream service { server 127.0.0.1:${service.port}; keepalive 8; }
    server {
      listen 127.0.0.1:PORT;
      listen 127.0.0.1:${http2Port} http2;
      ignore_invalid_headers off;
      underscores_in_headers on;
      merge_slashes off;
      location / {${spoken === undefined ? TO_HTTP1 : TO_H2C}
      }
    }`,
  );
  return { name: 'nginx', port, http2Port, service };
}
