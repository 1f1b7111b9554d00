import type { Server } from 'node:net';
import type { HostPort } from '../../common/config/address.ts';
import { HOST_NETWORK } from '../../common/network/network.ts';
import type { ProxyConfig } from '../config/sidecar.ts';

/** Opens ports for plaintext and closes them again, all at a time, so that one that is named twice is noticed. */
export class PortCheck implements AsyncDisposable {
  readonly #opened: Server[] = [];

  /** Resolves with the address, and with the port that the system chose where it is 0. Throws ListenError. */
  async reserve(name: string, { host, port }: HostPort): Promise<HostPort> {
    const { server, address } = await HOST_NETWORK.listen({ name, host, port }, (socket) =>
      socket.resetAndDestroy(),
    );
    this.#opened.push(server);
    return { host, port: address.port };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(
      this.#opened.map((server) => new Promise<void>((resolve) => server.close(() => resolve()))),
    );
  }
}

/**
 * Opens each port for plaintext once and closes it again: workers share their ports, so that none of
 * them would notice that another process has one. A port 0 becomes the one that the system chose, the
 * same for all workers.
 *
 * @throws ListenError
 */
export async function reservePorts(config: ProxyConfig): Promise<ProxyConfig> {
  await using check = new PortCheck();
  const upstream: ProxyConfig['upstream'][number][] = [];
  for (const one of config.upstream) {
    upstream.push({ ...one, listen: await check.reserve('upstream', one.listen) });
  }
  const egress: ProxyConfig['egress'][number][] = [];
  for (const one of config.egress) {
    egress.push({ ...one, listen: await check.reserve('egress', one.listen) });
  }
  if (!config.transparent) return { ...config, upstream, egress };
  const outboundListen = await check.reserve('outbound', config.outboundListen);
  const inboundListen = await check.reserve('inbound', config.inboundListen);
  return { ...config, upstream, egress, outboundListen, inboundListen };
}
