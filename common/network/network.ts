import net, { type AddressInfo, type Server, type ServerOpts, type Socket } from 'node:net';
import tls, { type TLSSocket } from 'node:tls';
import { listen, type ListenTarget } from './listen.ts';

/** A listener of TCP that is open. */
export interface TcpListener {
  readonly server: Server;
  /** Where it listens: the real port, when it was asked for port 0. */
  readonly address: AddressInfo;
}

/**
 * Where the sockets of a workload are made. Its bytes never pass here: what is handed out are the
 * sockets of Node.js themselves.
 */
export interface Network {
  /** Opens a listener. Throws ListenError. */
  listen(
    target: ListenTarget & ServerOpts,
    onConnection: (socket: Socket) => void,
  ): Promise<TcpListener>;
  /** Begins a connection, as `net.connect` does. */
  connect(options: net.TcpNetConnectOpts): Socket;
  /** Begins a connection in TLS, as `tls.connect` does; with `socket`, inside that one. */
  connectTls(options: tls.ConnectionOptions): TLSSocket;
}

/** The network in which this process runs. */
export const HOST_NETWORK: Network = {
  async listen(target, onConnection) {
    const server = net.createServer(target, onConnection);
    return { server, address: await listen(server, target) };
  },
  connect: net.connect,
  connectTls: tls.connect,
};
