import type net from 'node:net';
import { PLAINTEXT_SHARE } from '../../common/budget/shared-budget.ts';
import type { Guard } from '../../common/guard.ts';
import { canonicalAddress } from '../../common/ip-address.ts';
import { formatHostPort } from '../../common/listen.ts';
import type { Network } from '../../common/network.ts';
import type { FindOriginalDestination } from '../interception/original-destination.ts';
import { passThrough, type PassthroughDependencies } from '../interception/passthrough.ts';
import type { Refuse } from '../interception/refusals.ts';
import type { PolicySource } from '../policy/policy-source.ts';
import { listenPlaintext, type PlaintextListener } from '../stream/plaintext-listener.ts';
import type { Destination } from '../tunnel/authority.ts';
import { type Termination, LiveConnections } from '../policy/live-connections.ts';
import {
  admitPlaintext,
  type PlaintextInput,
  type PlaintextRefusal,
} from './plaintext-admission.ts';
import { resetSocket } from '../stream/reset-socket.ts';

/** What capturing incoming plaintext takes. */
export interface InboundCaptureDependencies extends PassthroughDependencies {
  /** Who is allowed. */
  readonly rules: Omit<PlaintextInput, 'destination'>;
  readonly findDestination: FindOriginalDestination;
  readonly network: Network;
  readonly refuse: Refuse;
  readonly guard: Guard;
  /** Accepted connections are judged again when they change. */
  readonly policies: Pick<PolicySource, 'onChange'>;
}

/**
 * Listens for connections from outside the mesh that the rules redirect here, and accepts those that are
 * allowed, to the very address and port that they were made to.
 *
 * Throws ListenError when it cannot listen.
 */
export async function listenInboundCapture(
  listen: Destination,
  dependencies: InboundCaptureDependencies,
): Promise<PlaintextListener> {
  const { address: host, port } = listen;
  const live = new LiveConnections<PlaintextRefusal>(dependencies.policies);
  const announcement = (at: string): string => `incoming plaintext is captured on ${at}`;
  const { network, logger, guard, metrics } = dependencies;
  const onRefused = (reason: string): void => {
    metrics.connectionFailed('inbound', 'unknown', reason);
  };
  const budgeted = { share: PLAINTEXT_SHARE, onRefused };
  const guarded = { guard, where: 'inbound' } as const;
  return await listenPlaintext(
    { name: 'inbound', host, port, network, logger, announcement, ...budgeted, ...guarded },
    (socket) => serve(socket, live, dependencies),
  );
}

async function serve(
  socket: net.Socket,
  live: LiveConnections<PlaintextRefusal>,
  dependencies: InboundCaptureDependencies,
): Promise<void> {
  const destination = dependencies.findDestination(socket);
  const remoteAddress = canonicalAddress(socket.remoteAddress ?? '') ?? 'unknown';
  const refuse = (reason: PlaintextRefusal | 'no-original-destination', detail: string): void => {
    const sentence = `refused plaintext from ${remoteAddress}: ${detail}`;
    dependencies.refuse({ direction: 'inbound', reason, place: remoteAddress, sentence });
    resetSocket(socket);
  };
  if (destination === undefined) {
    return refuse('no-original-destination', 'the system does not report its original destination');
  }
  const judge = (): Termination<PlaintextRefusal> | undefined => {
    const admission = admitPlaintext({ ...dependencies.rules, destination });
    if (admission.kind === 'admitted') return undefined;
    const place = formatHostPort(destination.address, destination.port);
    return { reason: admission.reason, why: `${place} ${SENTENCES[admission.reason]}` };
  };
  const terminate = ({ reason, why }: Termination<PlaintextRefusal>): void => refuse(reason, why);
  const refused = judge();
  if (refused !== undefined) return terminate(refused);
  const passthrough = { direction: 'inbound', destination, remoteAddress } as const;
  const leave = live.add({ reauthorize: judge, terminate });
  await passThrough(socket, passthrough, dependencies).finally(leave);
}

const SENTENCES: Readonly<Record<PlaintextRefusal, string>> = {
  plaintext: 'is for members of the mesh; --ingress opens a port to every client',
  'own-port': 'is a port of this sidecar',
  'wrong-destination': 'is not an address of this host',
};
