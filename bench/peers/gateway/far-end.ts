import type { BenchCommand } from '../../lab/bench-process.ts';
import { nginxStream, tlsTerminator } from '../nginx-stream.ts';
import type { PeerContext } from '../peer.ts';

/**
 * What stands before the application of the gateways of others and is not measured: it takes their mutual TLS
 * and carries the bytes on, as the sidecar of a service does for ours.
 */
export function planFarEnd(context: PeerContext, alpn = ''): BenchCommand {
  const { app, certificates, ports } = context;
  return nginxStream('callee', context, [
    tlsTerminator(certificates, ports.tls, app.httpPort),
    `${tlsTerminator(certificates, ports.tlsHttp2, app.http2Port)}${alpn}`,
  ]);
}
