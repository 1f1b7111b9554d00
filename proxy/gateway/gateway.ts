import type { Logger } from 'pino';
import type { OutsidePlace } from '../../common/authorization/egress.ts';
import type { Clock } from '../../common/clock.ts';
import { describeError } from '../../common/errors.ts';
import type { Closeable, Drainable } from '../../common/lifecycle.ts';
import type { Behaviour } from './behaviour.ts';
import { createBehaviour } from './create-behaviour.ts';
import { createServiceClients, type ServiceClients } from './http/service-clients.ts';
import { createRefuseConnection, openDoor, type Door, type DoorDependencies } from './door.ts';
import { loadGatewayFile, type LoadedListener } from './load.ts';
import type { GatewayMetrics, ReloadOutcome } from './metrics.ts';
import type { Services } from './service.ts';
import { watchFiles } from './watch-files.ts';

/** What a gateway is made from. */
export interface GatewayOptions extends Services {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: GatewayMetrics;
  /** The path of the gateway's file. */
  readonly file: string;
  /** For services that the file names without one. */
  readonly namespace: string;
}

/** A gateway whose listeners are open. */
export interface Gateway extends Closeable, Drainable {
  /** Reads the file and what it names again; one that cannot be used changes nothing. */
  reload(): Promise<void>;
}

/** An open listener, and what it was made from. */
interface OpenListener {
  readonly door: Door;
  readonly behaviour: Behaviour;
  readonly loaded: LoadedListener;
}

/** Opens the listeners of the file, and follows its changes. Throws ConfigError and ListenError. */
export async function openGateway(options: GatewayOptions): Promise<Gateway> {
  const gateway = new RunningGateway(options);
  await gateway.start();
  return gateway;
}

class RunningGateway implements Gateway {
  readonly #options: GatewayOptions;
  readonly #watch;
  readonly #clients: ServiceClients;
  /** By the address that they were opened with. */
  #listeners = new Map<string, OpenListener>();
  /** Doors that the file does not have any more, with connections that go on. */
  readonly #retired = new Set<Door>();
  #turn: Promise<void> = Promise.resolve();
  #refusing = false;

  constructor(options: GatewayOptions) {
    this.#options = options;
    this.#clients = createServiceClients(options);
    this.#watch = watchFiles(options.clock, () => void this.reload());
    options.metrics.certificates(() => this.#certificates());
  }

  async start(): Promise<void> {
    try {
      await this.#apply();
    } catch (error) {
      this.#watch.close();
      throw error;
    }
  }

  reload(): Promise<void> {
    // One after the other: each starts from what the one before has made.
    this.#turn = this.#turn.then(() => this.#reload());
    return this.#turn;
  }

  refuse(): void {
    this.#refusing = true;
    this.#watch.close();
    for (const door of this.#doors()) door.refuse();
  }

  async idle(): Promise<void> {
    await Promise.all(this.#doors().map((door) => door.idle()));
  }

  force(): void {
    for (const door of this.#doors()) door.force();
  }

  close(): void {
    this.refuse();
    for (const door of this.#doors()) door.close();
    this.#clients.close();
  }

  #doors(): Door[] {
    return [...[...this.#listeners.values()].map(({ door }) => door), ...this.#retired];
  }

  async #reload(): Promise<void> {
    if (this.#refusing) return;
    const { logger, metrics, file } = this.#options;
    let outcome: ReloadOutcome = 'refused';
    try {
      outcome = (await this.#apply()) ? 'applied' : 'unchanged';
      logger.info({ event: 'reloaded', outcome }, `${file} was read again: ${outcome}`);
    } catch (error) {
      const sentence = `${file} cannot be used, and the gateway goes on as before: ${describeError(error)}`;
      logger.error({ event: 'reload-refused' }, sentence);
    }
    metrics.reloaded(outcome);
  }

  /** @returns whether anything is different now */
  async #apply(): Promise<boolean> {
    const { file } = this.#options;
    const listeners = loadGatewayFile(file, this.#watch.restart());
    const before = this.#listeners;
    const after = new Map<string, OpenListener>();
    // Nothing is changed before everything is known to work; what was opened in vain is closed.
    await using opened = new AsyncDisposableStack();
    const changes: (() => void)[] = [];
    for (const loaded of listeners) {
      const key = keyOf(loaded);
      const open = before.get(key);
      if (open?.loaded.digest === loaded.digest) {
        after.set(key, open);
        continue;
      }
      const dependencies = this.#dependencies(loaded.config.name);
      const { config } = loaded;
      const behaviour = createBehaviour(loaded, dependencies);
      if (open === undefined) {
        const door = await openDoor({ config, behaviour }, dependencies);
        opened.adopt(door, () => door.close());
        after.set(key, { door, behaviour, loaded });
        continue;
      }
      after.set(key, { ...open, behaviour, loaded });
      changes.push(() => {
        open.door.change({ config, behaviour });
        open.behaviour.refuse();
      });
    }
    opened.move();
    for (const change of changes) change();
    const gone = [...before].filter(([key]) => !after.has(key));
    for (const [, { door }] of gone) this.#retire(door);
    this.#listeners = after;
    this.#options.routesOutside(listeners.flatMap(outsideOf));
    return changes.length > 0 || gone.length > 0 || after.size !== before.size;
  }

  #retire(door: Door): void {
    this.#retired.add(door);
    door.refuse();
    void door.idle().then(() => this.#retired.delete(door));
  }

  #dependencies(name: string): DoorDependencies & Parameters<typeof createBehaviour>[1] {
    const { metrics: all, ...options } = this.#options;
    const metrics = all.of(name);
    const refuse = createRefuseConnection(name, { ...options, metrics });
    return { ...options, name, metrics, refuse, clients: this.#clients };
  }

  #certificates(): Map<string, number> {
    const expiries = new Map<string, number>();
    for (const { behaviour, loaded } of this.#listeners.values()) {
      const { certificateNotAfterMs } = behaviour;
      if (certificateNotAfterMs !== undefined) {
        expiries.set(loaded.config.name, certificateNotAfterMs);
      }
    }
    return expiries;
  }
}

/** Listeners on port 0 have addresses of their own, which only their names tell apart. */
function keyOf({ config: { name, listen } }: LoadedListener): string {
  return `${name} ${listen.host} ${listen.port}`;
}

function outsideOf({ config }: LoadedListener): OutsidePlace[] {
  if (config.protocol !== 'HTTP' && config.protocol !== 'HTTPS') return [];
  return config.routes.flatMap(({ backend }) =>
    backend !== undefined && 'outside' in backend ? [backend.outside] : [],
  );
}
