import type { HostPort } from '../../common/config/address.ts';
import { ConfigError } from '../../common/config/config-error.ts';
import { flagName } from '../../common/config/settings.ts';
import { isLoopbackHost } from '../../common/network/ip-address.ts';
import { SIDECAR_PORTS } from './sidecar-ports.ts';

/** Where a sidecar listens, and what its rules leave alone. */
export interface CapturingListeners {
  readonly outboundListen: HostPort;
  readonly inboundListen: HostPort;
  readonly hboneListen: HostPort;
  readonly metricsListen: HostPort;
  readonly excludePort: readonly number[];
}

/**
 * The rules are applied by another command, which knows the usual ports: on others nothing would arrive, or
 * tunnels would be taken for plaintext. Ports that the rules only have to leave alone may be others when they
 * are left out (`--exclude-port`), or, for metrics, on loopback.
 *
 * @throws ConfigError `setting-invalid`
 */
export function checkCapturingPorts(listeners: CapturingListeners): void {
  const { outbound, inbound, hbone, metrics } = SIDECAR_PORTS;
  const { excludePort, metricsListen } = listeners;
  requirePort('outboundListen', listeners.outboundListen, outbound, 'redirect to');
  requirePort('inboundListen', listeners.inboundListen, inbound, 'redirect to');
  if (!excludePort.includes(listeners.hboneListen.port)) {
    requirePort('hboneListen', listeners.hboneListen, hbone, 'leave alone');
  }
  const { host, port } = metricsListen;
  const isLocal = isLoopbackHost(host);
  if (!excludePort.includes(port) && !isLocal) {
    requirePort('metricsListen', metricsListen, metrics, 'leave alone');
  }
}

function requirePort(key: string, given: HostPort, known: number, what: string): void {
  if (given.port === known) return;
  const flag = flagName(key);
  const sentence = `${flag}: port ${given.port} is not ${known}, which the rules of hauberk proxy init-netns ${what}`;
  const excluded = `, or give --exclude-port ${given.port} here and to init-netns`;
  throw new ConfigError('setting-invalid', sentence, {
    hint: `use port ${known}${what === 'leave alone' ? excluded : ''}`,
  });
}
