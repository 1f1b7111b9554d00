import { PLAINTEXT_SHARE } from '../../common/budget/shared-budget.ts';
import type { Guard } from '../../common/guard.ts';
import { canonicalAddress } from '../../common/network/ip-address.ts';
import { formatHostPort } from '../../common/network/listen.ts';
import type { Network } from '../../common/network/network.ts';
import type { FindOriginalDestination } from '../interception/original-destination.ts';
import { passThrough, type PassthroughDependencies } from '../interception/passthrough.ts';
import type { Refuse } from '../interception/refusals.ts';
import type { PolicySource } from '../policy/policy-source.ts';
import { listenPlaintext, type PlaintextListener } from '../stream/plaintext-listener.ts';
import type { Destination } from '../tunnel/authority.ts';
import { type Termination, LiveConnections } from '../policy/live-connections.ts';
import type { AcceptedConnection } from '../stream/plaintext-stream.ts';
import type { SourceOf, SourceRefusal } from './source-address.ts';

/** What capturing incoming plaintext takes. */
export interface InboundCaptureDependencies extends PassthroughDependencies {
  /** Who is allowed. */
  readonly rules: Omit<PlaintextInput, 'destination'>;
  readonly findDestination: FindOriginalDestination;
  readonly sourceOf: SourceOf;
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
    (connection) => serve(connection, live, dependencies),
  );
}

async function serve(
  connection: AcceptedConnection,
  live: LiveConnections<PlaintextRefusal>,
  dependencies: InboundCaptureDependencies,
): Promise<void> {
  const destination = dependencies.findDestination(connection);
  const remoteAddress = canonicalAddress(connection.remoteAddress ?? '') ?? 'unknown';
  const refuse = (
    reason: PlaintextRefusal | SourceRefusal | 'no-original-destination',
    detail: string,
  ): void => {
    const sentence = `refused plaintext from ${remoteAddress}: ${detail}`;
    dependencies.refuse({ direction: 'inbound', reason, place: remoteAddress, sentence });
    connection.reset();
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
  const source = dependencies.sourceOf(connection.remoteAddress, destination.address);
  if (source.kind === 'refused') return refuse(source.reason, source.why);
  const from = source.kind === 'client' ? source.address : undefined;
  const passthrough = { direction: 'inbound', destination, remoteAddress, from } as const;
  const leave = live.add({ reauthorize: judge, terminate });
  await passThrough(connection, passthrough, dependencies).finally(leave);
}

const SENTENCES: Readonly<Record<PlaintextRefusal, string>> = {
  plaintext: 'is for members of the mesh; --ingress opens a port to every client',
  'own-port': 'is a port of this sidecar',
  'wrong-destination': 'is not an address of this host',
};

/** What becomes of plaintext that comes in. */
export type InboundMode = 'strict' | 'permissive';

/** Why plaintext is refused; labels of `hauberk_connections_failed_total`. */
type PlaintextRefusal =
  | 'plaintext' // It came without the mesh.
  | 'own-port' // It leads back to this sidecar.
  | 'wrong-destination'; // It was meant for another host.

/** Whether plaintext is accepted. */
type PlaintextAdmission =
  { readonly kind: 'admitted' } | { readonly kind: 'refused'; readonly reason: PlaintextRefusal };

/** What the decision is made from. */
interface PlaintextInput {
  /** Where the connection wanted to go. */
  readonly destination: Destination;
  readonly mode: InboundMode;
  /** Ports that take plaintext also in strict mode: the ones that are published. */
  readonly ingress: readonly number[];
  /** True for a port whose callers are named: it accepts no plaintext. */
  readonly isRestricted: (port: number) => boolean;
  /** True for a port of this sidecar. */
  readonly isOwnPort: (port: number) => boolean;
  /** True for an address of this host. */
  readonly isOwnAddress: (address: string) => boolean;
}

/** Decides whether a connection that came without the mesh may reach the application. */
export function admitPlaintext(input: PlaintextInput): PlaintextAdmission {
  const { destination, mode, ingress, isRestricted, isOwnPort, isOwnAddress } = input;
  const { address, port } = destination;
  // A connection that was made to the listener itself has the listener for its destination.
  if (isOwnPort(port)) return { kind: 'refused', reason: 'own-port' };
  if (!isOwnAddress(address)) return { kind: 'refused', reason: 'wrong-destination' };
  if (ingress.includes(port)) return { kind: 'admitted' };
  if (mode === 'permissive' && !isRestricted(port)) return { kind: 'admitted' };
  return { kind: 'refused', reason: 'plaintext' };
}
