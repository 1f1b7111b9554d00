import type net from 'node:net';
import type { Logger } from 'pino';
import { PROCESS_DESCRIPTORS } from '../../../common/budget/descriptors.ts';
import { CLIENTS_SHARE } from '../../../common/budget/shared-budget.ts';
import type { MonotonicClock } from '../../../common/clock.ts';
import type { Guard } from '../../../common/guard.ts';
import type { Closeable, Drainable } from '../../../common/lifecycle.ts';
import { createRefusalLines } from '../../../common/logging/refusal-lines.ts';
import { clientNetwork } from '../../../common/network/ip-address.ts';
import type { Network } from '../../../common/network/network.ts';
import { createLogLimit } from '../../../common/rate-limit.ts';
import { listenPlaintext, type PlaintextListener } from '../../stream/plaintext-listener.ts';
import { resetSocket } from '../../stream/reset-socket.ts';
import { createAcceptSource, type AcceptSource } from '../accept/accept-source.ts';
import type { ListenerHandler, RefuseConnection } from '../handler.ts';
import { ConnectionTable } from '../../../common/budget/connection-table.ts';
import type { ListenerConfig } from '../config/gateway-file.ts';
import type { ListenerMetrics } from '../metrics.ts';

/** What a listener does with the connections that arrive from now on. */
export interface ListenerRules {
  readonly config: ListenerConfig;
  readonly handler: ListenerHandler;
  readonly metrics: ListenerMetrics;
  readonly refuse: RefuseConnection;
}

/** An open listener of a gateway. */
export interface Listener extends Closeable, Drainable {
  /** Treats new connections by other rules, under another name; those that are open go on by their own. */
  change(rules: ListenerRules): void;
  /** Releases its port for another listener, until `reopen`; those that are open go on. False when it did. */
  releasePort(): Promise<boolean>;
  /** Throws ListenError. */
  reopen(): Promise<void>;
  close(): void;
}

/** What a listener needs. */
export interface ListenerDependencies {
  readonly network: Pick<Network, 'listen'>;
  readonly clock: MonotonicClock;
  readonly logger: Logger;
  readonly guard: Guard;
}

/** Opens a listener. Throws ListenError. */
export async function openListener(
  first: ListenerRules,
  { network, clock, logger, guard }: ListenerDependencies,
): Promise<Listener> {
  let rules: ListenerRules & { readonly acceptSource: AcceptSource };
  const change = (next: ListenerRules): void => {
    rules = { ...next, acceptSource: createAcceptSource(next.config.proxyProtocol, clock) };
  };
  change(first);
  const table = new ConnectionTable({
    clock,
    capacity: () => Math.min(rules.config.limits.connections, capacityFor(table.size)),
    clientFraction: () => rules.config.limits.clientPercent / 100,
    networkOf: clientNetwork,
    displace: (socket) => rules.refuse(socket, 'displaced'),
  });
  const serve = async (socket: net.Socket): Promise<void> => {
    const { handler, acceptSource, metrics, refuse } = rules;
    const known = acceptSource.known(socket);
    const entry = table.admit(socket, known);
    if (typeof entry === 'string') return refuse(socket, entry);
    metrics.accepted();
    try {
      const source = await acceptSource.read(socket);
      if (source === undefined) return refuse(socket, 'proxy-header-malformed');
      if (known === undefined && !entry.claim(source.client.address)) {
        return refuse(socket, 'client-limit');
      }
      await handler.serve(socket, source, entry);
    } finally {
      entry.leave();
      metrics.ended();
    }
  };
  const listenAt = async ({ port }: { readonly port: number }): Promise<PlaintextListener> => {
    const { name, listen } = rules.config;
    const announcement = (at: string): string => `${rules.config.name} is at ${at}`;
    const onRefused = (): void => rules.metrics.refused('descriptors');
    const budgeted = { share: CLIENTS_SHARE, onRefused };
    const guarded = { guard, where: 'gateway' } as const;
    return await listenPlaintext(
      { name, ...listen, port, network, logger, announcement, ...budgeted, ...guarded },
      (connection) => serve(connection.socket()),
    );
  };
  let listener = await listenAt(first.config.listen);
  let hasPort = true;
  /** With connections from before the port was released. */
  const former = new Set<PlaintextListener>();
  const listeners = (): PlaintextListener[] => [listener, ...former];
  let refused: Promise<void> | undefined;
  return {
    change(next) {
      const renamed = next.config.name !== rules.config.name;
      change(next);
      if (renamed) listener.rename(next.config.name);
    },
    async releasePort() {
      if (!hasPort) return false;
      hasPort = false;
      await listener.releasePort();
      return true;
    },
    async reopen() {
      const before = listener;
      listener = await listenAt(before.address);
      hasPort = true;
      former.add(before);
      guard.promise(
        'gateway',
        before.idle().then(() => former.delete(before)),
      );
    },
    refuse() {
      // What is accepted until then is served like everything else.
      refused ??= listener.releasePort().then(() => rules.handler.refuse());
      guard.promise('gateway', refused);
    },
    async idle() {
      await refused;
      await Promise.all(listeners().map((one) => one.idle()));
    },
    force() {
      for (const one of listeners()) one.force();
    },
    close() {
      for (const one of listeners()) one.close();
    },
  };
}

/** A few less than there are descriptors for: what has to go is chosen here, and not by who comes last. */
const OF_THE_DESCRIPTORS = 15 / 16;

/** How many connections a listener may have besides those of the others, by the descriptors that there are. */
function capacityFor(own: number): number {
  const most = Math.floor(PROCESS_DESCRIPTORS.mostFor(CLIENTS_SHARE) * OF_THE_DESCRIPTORS);
  return Math.max(most - Math.max(PROCESS_DESCRIPTORS.heldBy(CLIENTS_SHARE) - own, 0), 1);
}

/** What happens again and again while there is no room: a line a second for each says it. */
const AT_CAPACITY: ReadonlySet<string> = new Set([
  'too-many-connections',
  'client-limit',
  'displaced',
]);

/** Ends connections that may not come in: counted always, logged as long as there are not too many. */
export function createRefuseConnection(
  name: string,
  {
    clock,
    logger,
    metrics,
  }: Omit<ListenerDependencies, 'network' | 'guard'> & Pick<ListenerRules, 'metrics'>,
): RefuseConnection {
  const mayLog = createLogLimit(clock);
  const atCapacity = createRefusalLines(clock, logger);
  return (socket, reason, { sentence, reset = true, ...details } = {}) => {
    metrics.refused(reason);
    const client = socket.remoteAddress;
    if (reset) resetSocket(socket);
    const line = { event: 'connection-refused', listener: name, client, reason, ...details };
    const said = `ended a connection to ${name}: ${sentence ?? reason}`;
    if (AT_CAPACITY.has(reason)) atCapacity(line, said);
    else if (mayLog()) logger.warn(line, said);
  };
}
