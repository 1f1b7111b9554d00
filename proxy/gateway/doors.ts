import type { Logger } from 'pino';
import type { OutsidePlace } from '../../common/authorization/egress.ts';
import type { Clock } from '../../common/clock.ts';
import type { Closeable, Drainable } from '../../common/lifecycle.ts';
import type { Behaviour } from './behaviour.ts';
import { createBehaviour } from './create-behaviour.ts';
import { createServiceClients, type ServiceClients } from './http/service-clients.ts';
import { createRefuseConnection, openDoor, type Door, type DoorDependencies } from './door.ts';
import type { LoadedListener } from './load.ts';
import type { GatewayMetrics } from './metrics.ts';
import type { Services } from './service.ts';
import { tryCertificates } from './tls/try-certificates.ts';

/** What the doors of a gateway are made from. */
export interface DoorsOptions extends Services {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: GatewayMetrics;
  /** For services that the file names without one. */
  readonly namespace: string;
}

/** All listeners of a gateway. */
export interface Doors extends Closeable, Drainable {
  /**
   * Opens these listeners, and closes those that are not among them. What cannot be used changes
   * nothing. One call after the other.
   *
   * Throws ConfigError and ListenError.
   *
   * @returns whether anything is different now
   */
  apply(listeners: readonly LoadedListener[]): Promise<boolean>;
  close(): void;
}

/** An open listener, and what it was made from. */
interface OpenListener {
  readonly door: Door;
  readonly behaviour: Behaviour;
  readonly loaded: LoadedListener;
}

/** Creates doors without a listener. */
export function createDoors(options: DoorsOptions): Doors {
  return new OpenDoors(options);
}

class OpenDoors implements Doors {
  readonly #options: DoorsOptions;
  readonly #clients: ServiceClients;
  /** By the address that they were opened with. */
  #listeners = new Map<string, OpenListener>();
  /** Doors that the file does not have any more, with connections that go on. */
  readonly #retired = new Set<Door>();

  constructor(options: DoorsOptions) {
    this.#options = options;
    this.#clients = createServiceClients(options);
    options.metrics.certificates(() => this.#certificates());
  }

  refuse(): void {
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

  async apply(listeners: readonly LoadedListener[]): Promise<boolean> {
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
      await tryCertificates(loaded);
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
