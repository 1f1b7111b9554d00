import { randomBytes } from 'node:crypto';
import type { MonotonicClock } from '../../common/clock.ts';
import type { HostPort } from '../../common/config/address.ts';
import { formatHostPort } from '../../common/network/listen.ts';
import { startAgent, type Agent } from './agent-process.ts';
import type { CanaryOutcome, ProbeTask } from './agent/agent-task.ts';
import { startCapture, type Capture } from './capture.ts';
import { choosePath, type WirePath } from './choose-path.ts';
import type { Evidence } from './evidence.ts';
import type { NamespaceEntry } from './namespace-selector.ts';
import { VerifyError } from './verify-error.ts';
import { WireAnalysis } from './wire/wire-analysis.ts';
import { mayReject } from '../../common/ignored.ts';
import type { Closeable } from '../../common/lifecycle.ts';

/** Between whom to verify, and how. */
export interface VerifyRequest {
  readonly from: NamespaceEntry;
  /**
   * - `namespace`: an application of ours answers in it
   * - `server`: any HTTP server that is called as the application of `from` calls it
   */
  readonly destination:
    | { readonly kind: 'namespace'; readonly namespace: NamespaceEntry }
    | { readonly kind: 'server'; readonly address: HostPort };
  /** HBONE port of the destination's sidecar. */
  readonly hbonePort: number;
  /** Address of the destination; undefined: the one that shares a network with the source. */
  readonly peerAddress: string | undefined;
  /** Where to capture; undefined: the interface in that network. */
  readonly networkInterface: string | undefined;
  readonly admin: ProbeTask['admin'];
  readonly clock: MonotonicClock;
  /** The environment of this process. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Ends it early; nothing that it started stays. */
  readonly signal: AbortSignal;
}

/** Enough that a mesh which encrypts every other message is found out. */
const MESSAGES = 32;
const REQUESTS = 8;

/** A canary is 128 random bits in text that no protocol changes. */
function canary(): string {
  return `hauberk-canary-${randomBytes(16).toString('hex')}`;
}

/**
 * Sends canaries between two claimed, captures between them, and probes the sidecar.
 *
 * @throws VerifyError when it cannot be carried out
 */
export async function runVerify(request: VerifyRequest): Promise<Evidence> {
  const { destination, signal } = request;
  const resources = new RunResources();
  const { promise: interrupted, reject } = Promise.withResolvers<never>();
  const interrupt = (): void => reject(new VerifyError('interrupted', 'it was interrupted'));
  signal.addEventListener('abort', interrupt);
  try {
    const verified =
      destination.kind === 'namespace'
        ? verifyNamespace(request, destination.namespace, resources)
        : verifyServer(request, destination.address, resources);
    return await Promise.race([verified, interrupted]);
  } finally {
    signal.removeEventListener('abort', interrupt);
    await resources.close();
  }
}

async function verifyNamespace(
  request: VerifyRequest,
  namespace: NamespaceEntry,
  resources: RunResources,
): Promise<Evidence> {
  const canaries = { there: canary(), back: canary() };
  const answerer = resources.adopt(startAgent(namespace, request.env));
  answerer.send({ kind: 'look' });
  answerer.send({ kind: 'answer', canaries });
  const { interfaces } = await answerer.receive('interfaces');
  const { port } = await answerer.receive('listening');
  const addresses = interfaces.map((one) => one.address);
  const tap = await tapWire(request, addresses, resources);

  const called = { host: tap.path.address, port };
  tap.caller.send({ kind: 'call', address: called.host, port, canaries, messages: MESSAGES });
  const outcome = await tap.caller.receive('called');
  const probes = await probe(request, tap, called);
  answerer.finish();
  const { received } = await answerer.receive('answered');

  const application = { ...outcomeOf(outcome), received, receivedBy: 'the application' } as const;
  const seen = await conclude(request, tap, [canaries.there, canaries.back]);
  return { ...seen, to: namespace.name, called, application, probes };
}

async function verifyServer(
  request: VerifyRequest,
  address: HostPort,
  resources: RunResources,
): Promise<Evidence> {
  const tap = await tapWire(request, [], resources);
  const loopback = resources.adopt(await startCapture(request.from, 'lo'));

  const there = canary();
  tap.caller.send({ kind: 'request', ...address, canary: there, requests: REQUESTS });
  const { answers, ...outcome } = await tap.caller.receive('requested');
  const probes = await probe(request, tap, { host: tap.path.address, port: address.port });

  const near = new WireAnalysis([Buffer.from(there)]);
  await loopback.finish(near);
  const [received = 0] = near.finish().canaries;
  const receivedBy = 'the loopback interface of the source';
  const application = { ...outcomeOf(outcome), received, receivedBy } as const;
  const seen = await conclude(request, tap, [there, ...answers]);
  const to = formatHostPort(tap.path.address, request.hbonePort);
  return { ...seen, to, called: address, application, probes };
}

/** A wire with a capture, and a client that is about to connect. */
interface Tap {
  readonly path: WirePath;
  readonly caller: Agent;
  readonly capture: Capture;
  readonly startedMs: number;
}

/** Finds the wire to one of the addresses, or to the peer that was named, and listens on it. */
async function tapWire(
  { from, peerAddress, networkInterface, clock, env }: VerifyRequest,
  addresses: readonly string[],
  resources: RunResources,
): Promise<Tap> {
  const caller = resources.adopt(startAgent(from, env));
  caller.send({ kind: 'look' });
  const { interfaces } = await caller.receive('interfaces');
  const to = peerAddress === undefined ? addresses : [peerAddress];
  const path = choosePath({ from: interfaces, to, networkInterface });
  const capture = resources.adopt(await startCapture(from, path.networkInterface));
  return { path, caller, capture, startedMs: clock.monotonicMs() };
}

/**
 * Probes the sidecar of the destination while the capture still runs. That makes the capture
 * complete, too: it has the handshakes of these attempts, so it has everything before them.
 */
async function probe({ hbonePort, admin }: VerifyRequest, tap: Tap, called: HostPort) {
  const { address } = tap.path;
  const authority = formatHostPort(address, called.port);
  tap.caller.send({ kind: 'probe', address, port: hbonePort, authority, admin });
  return (await tap.caller.receive('probed')).probes;
}

/** Ends the capture and reads it. */
async function conclude(
  { from, hbonePort, clock }: VerifyRequest,
  { path, capture, startedMs }: Tap,
  texts: readonly string[],
) {
  const needles = texts.map((text) => Buffer.from(text, 'latin1'));
  const analysis = new WireAnalysis(needles, [hbonePort]);
  const statistics = await capture.finish(analysis);
  return {
    from: from.name,
    peer: { host: path.address, port: hbonePort },
    networkInterface: path.networkInterface,
    durationMs: Math.round(clock.monotonicMs() - startedMs),
    capture: statistics,
    wire: analysis.finish(),
  };
}

function outcomeOf(outcome: CanaryOutcome): CanaryOutcome {
  const { sent, answered, bytesThere, bytesBack, failure } = outcome;
  return { sent, answered, bytesThere, bytesBack, failure };
}

/** The processes and captures that a run has started, so that it can end all of them, also when it is interrupted. */
class RunResources {
  readonly #all: Closeable[] = [];
  #closed = false;

  /** Takes care of it from now on; of what comes too late it lets go at once. */
  adopt<Thing extends Closeable>(thing: Thing): Thing {
    if (this.#closed) mayReject(Promise.try(() => thing.close()));
    else this.#all.push(thing);
    return thing;
  }

  /** Releases everything, the latest first. */
  async close(): Promise<void> {
    this.#closed = true;
    for (const thing of this.#all.splice(0).toReversed()) await thing.close();
  }
}
