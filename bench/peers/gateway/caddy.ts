import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { CALLEE_NAME } from '../../lab/certificates.ts';
import type { PairPlan, PeerContext } from '../peer.ts';
import { planFarEnd } from './far-end.ts';

/** Caddy: HTTP/1.1 to the service, gRPC over HTTP/2. */
export function planCaddyGateway(context: PeerContext): Promise<PairPlan> {
  const { directory, ports } = context;
  const path = join(directory, 'caddy.json');
  writeFileSync(path, JSON.stringify(config(context)));
  return Promise.resolve({
    caller: {
      name: 'caller',
      program: 'caddy',
      args: ['run', '--config', path],
      // One worker thread, as the others; the collector of garbage runs beside it.
      env: { GOMAXPROCS: '1', XDG_CONFIG_HOME: directory, XDG_DATA_HOME: directory },
    },
    // Go speaks HTTP/2 only where it was agreed on; nginx can since 1.21.4.
    callee: planFarEnd(context, ' ssl_alpn h2;'),
    measured: 'caller',
    metrics: [`http://127.0.0.1:${ports.callerMetrics}/metrics`],
  });
}

function config({ ports, certificates }: PeerContext) {
  const { root, caller, callee } = certificates;
  const tls = {
    server_name: CALLEE_NAME,
    root_ca_pem_files: [root],
    client_certificate_file: caller.chain,
    client_certificate_key_file: caller.key,
  };
  const proxy = (port: number, versions: readonly string[]) => ({
    handler: 'reverse_proxy',
    upstreams: [{ dial: `127.0.0.1:${port}` }],
    transport: { protocol: 'http', versions, tls },
  });
  const routes = [
    { match: [{ path: ['/bench.Echo/*'] }], handle: [proxy(ports.tlsHttp2, ['2'])] },
    { handle: [proxy(ports.tls, ['1.1'])] },
  ];
  return {
    admin: { listen: `127.0.0.1:${ports.callerMetrics}` },
    logging: { logs: { default: { level: 'ERROR' } } },
    apps: {
      http: {
        servers: {
          plain: {
            listen: [`127.0.0.1:${ports.plaintext}`, `127.0.0.1:${ports.plaintextHttp2}`],
            protocols: ['h1', 'h2c'],
            automatic_https: { disable: true },
            routes,
          },
          secure: {
            listen: [`127.0.0.1:${ports.https}`],
            protocols: ['h1', 'h2'],
            automatic_https: { disable: true },
            // Every client gets the one certificate, as with the others.
            tls_connection_policies: [{ default_sni: CALLEE_NAME }],
            routes,
          },
        },
      },
      tls: {
        certificates: { load_files: [{ certificate: callee.chain, key: callee.key }] },
      },
    },
  };
}
