import cluster from 'node:cluster';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { DescriptorRefusal } from '../../common/budget/budget-error.ts';
import {
  type DescriptorBudget,
  descriptorError,
  PROCESS_DESCRIPTORS,
} from '../../common/budget/descriptors.ts';
import type { BudgetShare } from '../../common/budget/shared-budget.ts';
import { systemClock } from '../../common/clock.ts';
import { describeError } from '../../common/errors.ts';
import type { Guard, Guarded } from '../../common/guard.ts';
import type { Drainable } from '../../common/lifecycle.ts';
import { formatHostPort, type ListenTarget } from '../../common/network/listen.ts';
import { createRefusalLines } from '../../common/logging/refusal-lines.ts';
import type { Network } from '../../common/network/network.ts';
import { AcceptedSocket } from './accepted-socket.ts';
import { acceptHandles } from './handles/accept-handles.ts';
import { chosenHandles } from './handles/choose-handles.ts';
import type { AcceptedConnection } from './plaintext-stream.ts';

/** A listener for plaintext connections that is up. */
export interface PlaintextListener extends Drainable {
  /** Refuses, and ends what is left. */
  close(): void;
  /** Where it listens: the real port, when it was asked for port 0. */
  readonly address: { readonly address: string; readonly port: number };
  /** Is another listener to readers of the log, at the same address. */
  rename(name: string): void;
  /** As `refuse`; resolves when it listens no more. */
  releasePort(): Promise<void>;
}

/**
 * The event loop accepts one connection in a turn. Where they come faster than that the queue never gets empty;
 * this is what it holds at most.
 */
const MOST_QUEUED = 4096;
/** A turn without a connection may be one in which nothing was looked at yet. */
const QUIET_TURNS = 2;

/** What a listener needs. */
export interface PlaintextListenerOptions extends ListenTarget {
  readonly network: Pick<Network, 'listen'>;
  readonly logger: Logger;
  readonly guard: Guard;
  /** What the guard calls it. */
  readonly where: Guarded;
  /** What is said when it listens, at that address and port. */
  readonly announcement: (at: string) => string;
  /** What is logged with that. */
  readonly fields?: Readonly<Record<string, string>>;
  /** Who the descriptors of its connections are charged to. */
  readonly share: BudgetShare;
  /** Is told of each connection that there was no descriptor for; the log hears of it in any case. */
  readonly onRefused: (reason: DescriptorRefusal) => void;
  /** Of the process, when it is left out. */
  readonly descriptors?: DescriptorBudget;
}

/**
 * Listens for plaintext connections and hands each, half-open capable and unread, to `serve`, which
 * owns it until its promise resolves. One that there is no descriptor for is reset, and so is one whose
 * promise rejects, which is a mistake of the program and for the guard.
 *
 * Throws ListenError when it cannot listen.
 */
export async function listenPlaintext(
  {
    network,
    logger,
    guard,
    where,
    announcement,
    fields,
    share,
    ...options
  }: PlaintextListenerOptions,
  serve: (connection: AcceptedConnection) => Promise<void>,
): Promise<PlaintextListener> {
  const { onRefused, descriptors = PROCESS_DESCRIPTORS, ...target } = options;
  let { name } = target;
  const connections = new Map<AcceptedConnection, Promise<void>>();
  const lines = createRefusalLines(systemClock, logger);
  const refuseConnection = (connection: AcceptedConnection, reason: DescriptorRefusal): void => {
    connection.reset();
    onRefused(reason);
    const why = describeError(descriptorError(reason, descriptors));
    const refusal = { event: 'descriptors-used-up', listener: name, reason };
    lines(refusal, `refused a connection to the ${name} port: ${why}`);
  };
  const admit = (connection: AcceptedConnection): void => {
    const denied = descriptors.take(share);
    if (denied !== undefined) return refuseConnection(connection, denied);
    descriptors.charge(connection, share);
    const forget = (): void => void connections.delete(connection);
    const onMistake = (error: unknown): void => {
      forget();
      guard.report(where, error);
      connection.reset();
    };
    connections.set(connection, serve(connection).then(forget, onMistake));
  };
  let accepted = 0;
  const onConnection = (connection: AcceptedConnection): void => {
    accepted += 1;
    guard.run(
      where,
      () => admit(connection),
      () => connection.reset(),
    );
  };
  const unread = { allowHalfOpen: true, noDelay: true, pauseOnConnect: true };
  // Workers take what the system deals out: handing on each of many short connections would cost more.
  const { server, address: at } = await network.listen(
    { ...target, ...unread, shared: cluster.isWorker },
    (socket) => onConnection(new AcceptedSocket(socket)),
  );
  const runtime = chosenHandles();
  if (runtime !== undefined) acceptHandles(runtime, server, onConnection);
  const { address, port } = at;
  const announce = (): void => {
    const details = { event: 'listening', listener: name, address, port, ...fields };
    logger.info(details, announcement(formatHostPort(address, port)));
  };
  announce();
  // accept() can fail for want of file descriptors: the listener goes on when there are some again.
  server.on('error', (error) => {
    const sentence = `could not accept a connection to the ${name} port: ${error.message}`;
    logger.error({ event: 'accept-failed', listener: name }, sentence);
  });
  /** What the system has queued would be reset if the listener were closed at once. */
  const acceptQueued = async (): Promise<void> => {
    for (let turns = 0, quiet = 0; quiet < QUIET_TURNS && turns < MOST_QUEUED; turns += 1) {
      const before = accepted;
      await nextTurn();
      quiet = accepted === before ? quiet + 1 : 0;
    }
  };
  let released: Promise<void> | undefined;
  const releasePort = (): Promise<void> =>
    (released ??= acceptQueued().then(() => void server.close()));
  const force = (): void => {
    for (const connection of connections.keys()) connection.reset();
  };
  return {
    address: { address, port },
    rename(other) {
      name = other;
      announce();
    },
    releasePort,
    refuse: () => void releasePort(),
    async idle() {
      await released;
      while (connections.size > 0) await Promise.all(connections.values());
    },
    force,
    close() {
      server.close();
      force();
    },
  };
}
