import type net from 'node:net';
import type { Logger } from 'pino';
import { CLIENTS_SHARE } from '../../common/budget/shares.ts';
import type { Clock } from '../../common/clock.ts';
import type { Closeable, Drainable } from '../../common/lifecycle.ts';
import { createRateLimit } from '../../common/rate-limit.ts';
import { listenPlaintext } from '../relay/plaintext-listener.ts';
import { resetSocket } from '../relay/reset-socket.ts';
import { createAcceptSource, type AcceptSource } from './accept/accept-source.ts';
import type { Behaviour, RefuseConnection } from './behaviour.ts';
import type { ListenerConfig } from './config/gateway-file.ts';
import type { ListenerMetrics } from './metrics.ts';

/** What a door does with the connections that arrive from now on. */
export interface DoorRules {
  readonly config: ListenerConfig;
  readonly behaviour: Behaviour;
}

/** An open listener of a gateway. */
export interface Door extends Closeable, Drainable {
  /** Treats new connections by other rules; those that are open go on by their own. */
  change(rules: DoorRules): void;
  close(): void;
}

/** What a door needs. */
export interface DoorDependencies {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: ListenerMetrics;
  readonly refuse: RefuseConnection;
}

/** Opens a listener. Throws ListenError. */
export async function openDoor(first: DoorRules, dependencies: DoorDependencies): Promise<Door> {
  const { clock, logger, metrics, refuse } = dependencies;
  const { name, listen } = first.config;
  let rules: DoorRules & { readonly acceptSource: AcceptSource };
  let open = 0;
  const change = (next: DoorRules): void => {
    rules = { ...next, acceptSource: createAcceptSource(next.config.proxyProtocol, clock) };
  };
  change(first);
  const serve = async (socket: net.Socket): Promise<void> => {
    const { config, behaviour, acceptSource } = rules;
    if (open >= config.limits.connections) return refuse(socket, 'too-many-connections');
    open += 1;
    metrics.accepted();
    try {
      const source = await acceptSource(socket);
      if (source === undefined) return refuse(socket, 'proxy-header-malformed');
      await behaviour.serve(socket, source);
    } finally {
      open -= 1;
      metrics.ended();
    }
  };
  const announcement = (at: string): string => `${name} is at ${at}`;
  const budgeted = { share: CLIENTS_SHARE, onRefused: () => metrics.refused('descriptors') };
  const target = { name, ...listen, logger, announcement, ...budgeted };
  const listener = await listenPlaintext(target, serve);
  return {
    change,
    refuse() {
      listener.refuse();
      rules.behaviour.refuse();
    },
    idle: () => listener.idle(),
    force: () => listener.force(),
    close: () => void listener.close(),
  };
}

/** An attacker should fill a counter, not the disk. */
const LOG_RATE = { burst: 10, perSecond: 10 };

/** Ends connections that may not come in: counted always, logged as long as there are not too many. */
export function createRefuseConnection(
  name: string,
  { clock, logger, metrics }: Pick<DoorDependencies, 'clock' | 'logger' | 'metrics'>,
): RefuseConnection {
  const mayLog = createRateLimit(clock, LOG_RATE);
  return (socket, reason, { sentence, ...details } = {}) => {
    metrics.refused(reason);
    const client = socket.remoteAddress;
    resetSocket(socket);
    if (!mayLog()) return;
    const line = { event: 'connection-refused', listener: name, client, reason, ...details };
    logger.warn(line, `ended a connection to ${name}: ${sentence ?? reason}`);
  };
}
