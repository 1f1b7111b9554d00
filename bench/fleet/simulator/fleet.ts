import { spiffeId } from '../../../common/pki/spiffe-id.ts';
import type { Delta, Endpoint, SyncResponse } from '../../../proto/gen/hauberk/v1/discovery.ts';
import { machineMs } from '../machine-clock.ts';
import { SimulatedConnection } from './connection.ts';
import { inFlight } from './in-flight.ts';
import type {
  BackOutcome,
  CallsOutcome,
  ServicePlan,
  Sighting,
  SimulatorPlan,
  TrafficOutcome,
} from './orders.ts';
import { placeOf } from './place.ts';
import { SimulatedSidecar, type SidecarEvents } from './sidecar.ts';
import { tryAgain } from './try-again.ts';

/** Of a connection that is shared: the control plane takes 32, and some are for calls and for streams that follow others. */
const STREAMS_OF_ONE = 24;
/** Sidecars that connect at the same time, of one simulator: as of hosts that come up one after the other. */
const AT_ONCE = 32;
/** As sidecars have it. */
const PING_EVERY_MS = 10_000;
const PING_PARTS = 100;

/** The sidecars of one simulator. */
export class SimulatedFleet {
  readonly #plan: SimulatorPlan;
  readonly #onProgress: (done: number) => void;
  readonly #connections: SimulatedConnection[] = [];
  readonly #sidecars = new Map<string, SimulatedSidecar>();
  #traffic = { messages: 0, bytes: 0, endpoints: 0 };
  #watch: { readonly sighting: Sighting; readonly seen: Map<string, number> } | undefined;
  #tell: () => void = () => undefined;
  #failures: Record<string, number> = {};
  #connectedAtMs: number[] = [];

  constructor(plan: SimulatorPlan, onProgress: (done: number) => void) {
    this.#plan = plan;
    this.#onProgress = onProgress;
    for (const service of plan.services) this.#add(service);
    let part = 0;
    setInterval(() => {
      part = (part + 1) % PING_PARTS;
      for (let at = part; at < this.#connections.length; at += PING_PARTS) {
        this.#connections[at]?.ping();
      }
    }, PING_EVERY_MS / PING_PARTS);
  }

  enrol(): Promise<CallsOutcome> {
    const enrol = (one: SimulatedConnection): Promise<void> => tryAgain(() => one.enrol());
    return inFlight(this.#connections, AT_ONCE, enrol, this.#onProgress);
  }

  /** Resolves when all are connected, or at the deadline; who fails tries again as sidecars do. */
  async connect(deadlineMs: number): Promise<CallsOutcome> {
    this.expectRestart();
    const startMs = machineMs();
    const sidecars = [...this.#sidecars.values()];
    await inFlight(sidecars, AT_ONCE, (one) => one.connect(), this.#onProgress);
    const { connected, failures } = await this.back(deadlineMs);
    return { done: connected, seconds: (machineMs() - startMs) / 1000, failures };
  }

  renew(): Promise<CallsOutcome> {
    const sidecars = [...this.#sidecars.values()];
    return inFlight(sidecars, AT_ONCE, ({ connection }) => connection.renew(), this.#onProgress);
  }

  /** Renews every connection's certificate, and connects with it: streams follow, as after a renewal. */
  replace(): Promise<CallsOutcome> {
    const byConnection = Map.groupBy(this.#sidecars.values(), ({ connection }) => connection);
    const turn = async (connection: SimulatedConnection): Promise<void> => {
      await tryAgain(() => connection.renew());
      const before = connection.turn();
      for (const sidecar of byConnection.get(connection) ?? []) await sidecar.connect();
      before?.close();
    };
    return inFlight(this.#connections, AT_ONCE, turn, this.#onProgress);
  }

  /** @returns when it was said */
  move(instanceId: string, port: number): Promise<number> {
    const sidecar = this.#sidecars.get(instanceId);
    if (sidecar === undefined) throw new TypeError(`expected the sidecar ${instanceId} here`);
    return sidecar.move(port);
  }

  watch(sighting: Sighting): void {
    this.#watch = { sighting, seen: new Map() };
  }

  /** When each saw it that has. */
  seen(): readonly number[] {
    return [...(this.#watch?.seen.values() ?? [])];
  }

  traffic(): TrafficOutcome {
    const traffic = this.#traffic;
    this.#traffic = { messages: 0, bytes: 0, endpoints: 0 };
    return traffic;
  }

  expectRestart(): void {
    this.#failures = {};
    this.#connectedAtMs = [];
  }

  async back(deadlineMs: number): Promise<BackOutcome> {
    await this.#until(() => this.#connectedAtMs.length >= this.#sidecars.size, deadlineMs);
    const connected = [...this.#sidecars.values()].filter((one) => one.connected).length;
    return { connected, atMs: this.#connectedAtMs, failures: this.#failures };
  }

  #add(service: ServicePlan): void {
    const { connections, namespace, trustDomain } = this.#plan;
    const idOf = (name: string): string => spiffeId({ trustDomain, namespace, service: name }).uri;
    const edges = { calls: service.calls.map(idOf), callers: service.callers.map(idOf) };
    const services = service.calls.map((name) => ({ namespace, service: name }));
    const interest =
      this.#plan.interest === 'all' ? undefined : { services, namespaces: [], addresses: [] };
    const events: SidecarEvents = {
      onMessage: (sidecar, response, bytes) => this.#take(sidecar, response, bytes),
      onConnected: () => {
        this.#connectedAtMs.push(machineMs());
        this.#tell();
      },
      onFailed: (_sidecar, { code }) => (this.#failures[code] = (this.#failures[code] ?? 0) + 1),
    };
    const perConnection = connections === 'own' ? 1 : STREAMS_OF_ONE;
    let connection: SimulatedConnection | undefined;
    for (let at = 0; at < service.instances; at += 1) {
      if (connection === undefined || at % perConnection === 0) {
        connection = new SimulatedConnection(this.#plan, service);
        this.#connections.push(connection);
      }
      const place = { ...placeOf(service, at), interest, edges };
      this.#sidecars.set(place.instanceId, new SimulatedSidecar(place, connection, events));
    }
  }

  #take(sidecar: SimulatedSidecar, { change }: SyncResponse, bytes: number): void {
    this.#traffic.messages += 1;
    this.#traffic.bytes += bytes;
    if (change?.$case !== 'snapshot' && change?.$case !== 'delta') return;
    const endpoints = change.$case === 'snapshot' ? change.value.endpoints : change.value.upserted;
    this.#traffic.endpoints += endpoints.length;
    if (this.#watch === undefined) return;
    const { sighting, seen } = this.#watch;
    const { instanceId } = sidecar;
    if (seen.has(instanceId) || !shows(change.value, endpoints, sighting)) return;
    if (sighting.kind === 'endpoint' && sighting.instanceId === instanceId) return;
    seen.set(instanceId, machineMs());
    this.#tell();
  }

  async #until(isTrue: () => boolean, deadlineMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const late = setTimeout(resolve, deadlineMs);
    this.#tell = () => {
      if (isTrue()) resolve();
    };
    this.#tell();
    await promise;
    clearTimeout(late);
    this.#tell = () => undefined;
  }
}

/** Whether a message tells what is waited for. */
function shows(
  { bundle, policy, revocations }: Pick<Delta, 'bundle' | 'policy' | 'revocations'>,
  endpoints: readonly Endpoint[],
  sighting: Sighting,
): boolean {
  switch (sighting.kind) {
    case 'endpoint':
      return endpoints.some(
        ({ instanceId, ports }) =>
          instanceId === sighting.instanceId && ports.includes(sighting.port),
      );
    case 'revocation':
      return (revocations?.revocations ?? []).some((one) => one.spiffeId === sighting.spiffeId);
    case 'policy':
      return (policy?.configVersion ?? 0) >= sighting.configVersion;
    case 'bundle':
      return (bundle?.version ?? 0) >= sighting.bundleVersion;
  }
}
