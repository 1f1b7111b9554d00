import { CALLEE_NAME } from '../lab/certificates.ts';
import type { Peer } from './peer.ts';
import { programVersion } from './program-version.ts';

/** ghostunnel on both sides. */
export const ghostunnelPeer: Peer = {
  id: 'ghostunnel',
  title: 'ghostunnel',
  kind: 'one-to-one',
  program: 'ghostunnel',
  install:
    'GOBIN=$HOME/.cache/hauberk-bench/bin go install github.com/ghostunnel/ghostunnel@latest',
  version: () => programVersion('ghostunnel', ['--version'], /^(\S+)/),
  plans: {
    sidecars({ app, certificates: { root, caller, callee }, ports }) {
      const common = (metricsPort: number): string[] => [
        `--cacert=${root}`,
        `--status=http://127.0.0.1:${metricsPort}`,
        // A line for each connection, which the others do not write either.
        '--quiet=conns',
        '--quiet=conn-errs',
        '--shutdown-timeout=1s',
      ];
      // One worker thread, as the others; the collector of garbage runs beside it.
      const env = { GOMAXPROCS: '1' };
      const program = 'ghostunnel';
      const callerArgs = [
        'client',
        `--listen=127.0.0.1:${ports.plaintext}`,
        `--target=127.0.0.1:${ports.tls}`,
        `--override-server-name=${CALLEE_NAME}`,
        `--verify-uri=${callee.uri}`,
        `--cert=${caller.chain}`,
        `--key=${caller.key}`,
        ...common(ports.callerMetrics),
      ];
      const calleeArgs = [
        'server',
        `--listen=127.0.0.1:${ports.tls}`,
        `--target=127.0.0.1:${app.httpPort}`,
        `--allow-uri=${caller.uri}`,
        `--cert=${callee.chain}`,
        `--key=${callee.key}`,
        ...common(ports.calleeMetrics),
      ];
      return Promise.resolve({
        caller: { name: 'caller', program, args: callerArgs, env },
        callee: { name: 'callee', program, args: calleeArgs, env },
        metrics: [ports.callerMetrics, ports.calleeMetrics].map(
          (port) => `http://127.0.0.1:${port}/_metrics?format=prometheus`,
        ),
      });
    },
  },
};
