import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, writeFileSync } from 'node:fs';
import { get, type IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { BenchError } from '../bench-error.ts';
import { startProcess } from './bench-process.ts';
import { eventually } from './deadline.ts';
import { freePort } from './free-port.ts';
import { startGate, type Gate } from './gate.ts';
import { findProgram } from './programs.ts';
import type { Placement } from './placement.ts';
import type { Site } from './topology.ts';

/** The application behind the callee's sidecar. */
export interface App {
  /** The address that it listens at. */
  readonly host: string;
  /** nginx, which answers each request with one line. */
  readonly httpPort: number;
  /** The same over HTTP/2 without TLS, for clients that know that it is spoken. */
  readonly http2Port: number;
  /** What a download of `BULK_PATH` brings. */
  readonly bulkBytes: number;
  /** Holds the first request to `HELD_PATH` of each connection. */
  readonly gate: Gate;
  /** Requests that nginx has answered so far. */
  requests(): Promise<number>;
  close(): Promise<void>;
}

/** Requests to this path pass the gate, the first one of a connection. */
export const HELD_PATH = '/held';
/** Plain requests. */
export const PLAIN_PATH = '/';
/** The same, to a service that speaks HTTP/1.1 where a gateway may choose. */
export const HTTP1_SERVICE_PATH = '/http1';
/** A file to download, and the place to upload to. */
export const BULK_PATH = '/bulk';
/** A file of `PIECE_BYTES`. */
export const PIECE_PATH = '/piece';
/** Takes a body to its end, and answers then. */
export const UPLOAD_PATH = '/upload';
/** What `PIECE_PATH` brings: 1 MiB. */
export const PIECE_BYTES = 1024 * 1024;
/** Answers a call of gRPC with one small message, over HTTP/2. */
export const GRPC_PATH = '/bench.Echo/Once';
/** A message of gRPC with its prefix: not compressed, three bytes. */
export const GRPC_MESSAGE = Buffer.from([0, 0, 0, 0, 3, 0x61, 0x62, 0x63]);
/** What bulk transfers move unless something else is said: 64 MiB. */
const DEFAULT_BULK_BYTES = 64 * 1024 * 1024;

const READY_DEADLINE_MS = 10_000;

/** Where the application runs. */
export interface AppOptions {
  readonly directory: string;
  readonly placement: Placement;
  readonly bulkBytes?: number | undefined;
  /** A host of its own; loopback when left out. */
  readonly site?: Site;
}

/** Starts the application. */
export async function startApp(options: AppOptions): Promise<App> {
  const { directory, placement, bulkBytes = DEFAULT_BULK_BYTES, site } = options;
  const host = site?.address ?? '127.0.0.1';
  const nginx = findProgram('nginx');
  if (nginx === undefined) {
    throw new BenchError(
      'program-missing',
      'the application of the bench is nginx, which is not here',
      {
        hint: 'apt-get install nginx-light',
      },
    );
  }
  await using parts = new AsyncDisposableStack();
  const httpPort = await freePort();
  const http2Port = await freePort();
  const home = join(directory, 'app');
  mkdirSync(home);
  const gate = parts.adopt(await startGate(join(home, 'gate')), (opened) => opened.close());
  // Random, so that nothing on the way could shrink it.
  writeFileSync(join(home, BULK_PATH), randomBytes(bulkBytes));
  writeFileSync(join(home, PIECE_PATH), randomBytes(PIECE_BYTES));
  writeFileSync(join(home, 'grpc-message'), GRPC_MESSAGE);
  const config = join(home, 'nginx.conf');
  writeFileSync(config, nginxConfig({ home, host, httpPort, http2Port }));
  const { openFiles, loadCores: cores } = placement;
  const process = startProcess({
    name: 'app',
    program: nginx,
    args: ['-c', config],
    ...(site && { through: site.through }),
    openFiles,
    cores,
  });
  parts.adopt(process, (started) => started.end());
  const requests = (): Promise<number> => countRequests(join(home, 'status'));
  await eventually('nginx answers', () => requests().then(isNumber, isFailure), READY_DEADLINE_MS);
  const opened = parts.move();
  return {
    host,
    httpPort,
    http2Port,
    bulkBytes,
    gate,
    requests,
    close: () => opened.disposeAsync(),
  };
}

const isNumber = (): boolean => true;
const isFailure = (): boolean => false;

/** The third number of the line below `server accepts handled requests` (ngx_http_stub_status_module). */
export function parseStubStatus(text: string): number {
  return Number(/^ \d+ \d+ (\d+) $/m.exec(text)?.[1] ?? Number.NaN);
}

async function countRequests(socketPath: string): Promise<number> {
  const [response] = (await once(get({ socketPath }), 'response')) as [IncomingMessage];
  return parseStubStatus((await response.setEncoding('utf8').toArray()).join(''));
}

interface NginxOptions {
  readonly home: string;
  readonly host: string;
  readonly httpPort: number;
  readonly http2Port: number;
}

/** Reads the whole body of a request, and asks for the answer without it. */
const TAKEN =
  'proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Content-Length ""; proxy_pass_request_body off; proxy_method GET;';

function nginxConfig(options: NginxOptions): string {
  const { home, host, httpPort, http2Port } = options;
  return `daemon off;
master_process off;
worker_processes 1;
pid ${home}/nginx.pid;
error_log ${home}/error.log;
events { worker_connections 32768; }
http {
  access_log off;
  keepalive_requests 1000000000;
  keepalive_timeout 1h;
  send_timeout 1h;
  client_max_body_size 0;
  sendfile on;
  client_body_temp_path ${home}/body;
  proxy_temp_path ${home}/proxy;
  fastcgi_temp_path ${home}/fastcgi;
  uwsgi_temp_path ${home}/uwsgi;
  scgi_temp_path ${home}/scgi;
  open_file_cache max=16;
  client_body_buffer_size 2m;
  upstream taken { server unix:${home}/status; keepalive 300; }
  server {
    listen ${host}:${httpPort} backlog=4096;
    listen ${host}:${http2Port} http2 backlog=4096;
    location = ${HELD_PATH} {
      if ($connection_requests = 1) {
        proxy_pass http://unix:${home}/gate:;
        break;
      }
      return 200 "hello from the application behind the sidecar\\n";
    }
    location = ${BULK_PATH} {
      root ${home};
      if ($request_method = POST) { return 200 "taken\\n"; }
    }
    location = ${PIECE_PATH} { root ${home}; }
    location = ${UPLOAD_PATH} { proxy_pass http://taken; ${TAKEN} }
    location = ${GRPC_PATH} { proxy_pass http://taken; add_trailer grpc-status 0; ${TAKEN} }
    location / {
      return 200 "hello from the application behind the sidecar\\n";
    }
  }
  server {
    listen unix:${home}/status;
    location / { stub_status; }
    location = ${UPLOAD_PATH} { return 200 "taken\\n"; }
    location = ${GRPC_PATH} { alias ${home}/grpc-message; default_type application/grpc; }
  }
}
`;
}
