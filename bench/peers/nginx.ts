import { existsSync } from 'node:fs';
import { planNginxGateway } from './gateway/nginx.ts';
import { nginxStream, STREAM_MODULE, tlsTerminator } from './nginx-stream.ts';
import type { PairPlan, Peer, PeerContext } from './peer.ts';
import { programVersion } from './program-version.ts';

/**
 * nginx: of sidecars a TCP proxy (ngx_stream_proxy_module), TLS to the upstream and from the client; as a
 * gateway an HTTP proxy.
 */
export const nginxPeer: Peer = {
  id: 'nginx',
  title: 'nginx',
  kind: 'one-to-one',
  program: 'nginx',
  install: 'apt-get install nginx-light libnginx-mod-stream',
  version,
  plans: { sidecars: planSidecars, gateway: planNginxGateway, route: planNginxGateway },
};

function planSidecars(context: PeerContext): Promise<PairPlan> {
  const { app, certificates, ports } = context;
  const { root, caller } = certificates;
  const callerServer = `listen 127.0.0.1:${ports.plaintext} backlog=4096;
    proxy_pass 127.0.0.1:${ports.tls};
    proxy_ssl on;
    proxy_ssl_protocols TLSv1.3;
    proxy_ssl_certificate ${caller.chain};
    proxy_ssl_certificate_key ${caller.key};
    proxy_ssl_trusted_certificate ${root};
    proxy_ssl_verify on;
    proxy_ssl_verify_depth 3;
    proxy_ssl_name api;`;
  const calleeServer = tlsTerminator(certificates, ports.tls, app.httpPort);
  return Promise.resolve({
    caller: nginxStream('caller', context, [callerServer]),
    callee: nginxStream('callee', context, [calleeServer]),
    metrics: [],
  });
}

/** Without the module nginx is only the application. */
async function version(): Promise<string | undefined> {
  const isCompiledIn = await programVersion('nginx', ['-V'], /(--with-stream)(?= |$)/);
  if (!existsSync(STREAM_MODULE) && isCompiledIn !== '--with-stream') return undefined;
  return await programVersion('nginx', ['-v'], /nginx\/(\S+)/);
}
