import type { Logger } from 'pino';
import type { EgressTarget } from '../../../common/authorization/egress.ts';
import type { Clock } from '../../../common/clock.ts';
import { describeError } from '../../../common/errors.ts';
import type { Guard } from '../../../common/guard.ts';
import type { Closeable, Drainable } from '../../../common/lifecycle.ts';
import type { Network } from '../../../common/network/network.ts';
import type { ListenerHandler } from '../handler.ts';
import type { ListenerState } from '../../../proto/gen/hauberk/v1/question.ts';
import { createHandler } from './create-handler.ts';
import type { RequestLog } from '../http/access-log.ts';
import { Upstreams } from '../http/upstreams.ts';
import {
  createRefuseConnection,
  openListener,
  type Listener,
  type ListenerRules,
} from './listener.ts';
import type { ListenerConfig } from '../config/gateway-file.ts';
import type { LoadedListener } from '../file/load.ts';
import type { GatewayMetrics } from '../metrics.ts';
import type { MemoryBudget } from '../../http2/memory-budget.ts';
import type { Tracer } from '../../tracing/tracer.ts';
import type { Services } from '../services.ts';
import { servicesOf } from './services-of.ts';
import { findListener, overlap } from '../config/same-address.ts';

/** What the listeners of a gateway are made from. */
export interface ListenerSetOptions {
  readonly services: Services;
  readonly network: Pick<Network, 'listen'>;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly guard: Guard;
  readonly metrics: GatewayMetrics;
  /** Bounds what waits in memory for slow readers. */
  readonly memory: MemoryBudget;
  /** Makes the log of requests of a listener; undefined while they are not logged. */
  readonly requestLog: ((listener: string) => RequestLog) | undefined;
  /** Undefined while tracing is off. */
  readonly tracer: Tracer | undefined;
  /** For services that the file names without one. */
  readonly namespace: string;
}

/** The open listeners of a gateway. */
export interface ListenerSet extends Closeable, Drainable {
  /**
   * Opens these listeners, and closes those that are not among them. What cannot be used changes
   * nothing. One call after the other.
   *
   * Throws ConfigError and ListenError.
   *
   * @returns whether anything is different now
   */
  apply(listeners: readonly LoadedListener[]): Promise<boolean>;
  /** Those that are open. */
  listeners(): ListenerState[];
  close(): void;
}

/** An open listener, and what it was made from. */
interface OpenListener {
  readonly listener: Listener;
  readonly handler: ListenerHandler;
  readonly loaded: LoadedListener;
  readonly config: ListenerConfig;
}

/** Creates an empty set. */
export function createListenerSet(options: ListenerSetOptions): ListenerSet {
  return new OpenListenerSet(options);
}

class OpenListenerSet implements ListenerSet {
  readonly #options: ListenerSetOptions;
  readonly #upstreams: Upstreams;
  #listeners: readonly OpenListener[] = [];
  /** Listeners that the file does not have any more, until their last connection ends. */
  readonly #draining = new Set<Listener>();

  constructor(options: ListenerSetOptions) {
    this.#options = options;
    this.#upstreams = new Upstreams(options);
    options.metrics.certificates(() => this.#certificates());
  }

  listeners(): ListenerState[] {
    return this.#listeners.map(({ config: { name, listen } }) => ({
      kind: 'gateway',
      address: listen.host,
      port: listen.port,
      target: name,
    }));
  }

  refuse(): void {
    for (const listener of this.#all()) listener.refuse();
  }

  async idle(): Promise<void> {
    await Promise.all(this.#all().map((listener) => listener.idle()));
  }

  force(): void {
    for (const listener of this.#all()) listener.force();
  }

  close(): void {
    this.refuse();
    for (const listener of this.#all()) listener.close();
    this.#upstreams.close();
  }

  #all(): Listener[] {
    return [...this.#listeners.map(({ listener }) => listener), ...this.#draining];
  }

  async apply(listeners: readonly LoadedListener[]): Promise<boolean> {
    const { services, namespace } = this.#options;
    const before = this.#listeners.map(({ loaded }) => loaded);
    await services.gatewayServices(servicesOf([...before, ...listeners], namespace));
    const gone = new Set(this.#listeners);
    const after: OpenListener[] = [];
    const fresh: LoadedListener[] = [];
    const changes: (() => void)[] = [];
    for (const loaded of listeners) {
      const open = findListener(loaded, gone);
      if (open === undefined) {
        fresh.push(loaded);
        continue;
      }
      gone.delete(open);
      if (open.loaded.digest === loaded.digest) {
        after.push(open);
        continue;
      }
      const rules = this.#rules(loaded);
      after.push({ ...open, loaded, config: loaded.config, handler: rules.handler });
      changes.push(() => {
        open.listener.change(rules);
        open.handler.refuse();
      });
    }
    // Nothing is changed before everything is known to work; what was opened in vain is closed.
    await using opened = new AsyncDisposableStack();
    for (const loaded of fresh) after.push(await this.#open(loaded, gone, opened));
    opened.move();
    for (const change of changes) change();
    for (const { listener } of gone) this.#drain(listener);
    this.#listeners = after;
    services.followEgressRoutes(listeners.flatMap(egressTargetsOf));
    await services.gatewayServices(servicesOf(listeners, namespace));
    return changes.length > 0 || gone.size > 0 || fresh.length > 0;
  }

  /** Opens a listener; those that are to go give up its port for it, and get it back when it was in vain. */
  async #open(
    loaded: LoadedListener,
    gone: ReadonlySet<OpenListener>,
    opened: AsyncDisposableStack,
  ): Promise<OpenListener> {
    const { config } = loaded;
    for (const { config: has, listener } of gone) {
      if (!overlap(has.listen, config.listen) || !(await listener.releasePort())) continue;
      opened.defer(() => listener.reopen().catch((error: unknown) => this.#lost(has, error)));
    }
    const rules = this.#rules(loaded);
    const listener = await openListener(rules, this.#options);
    opened.adopt(listener, () => listener.close());
    return { listener, handler: rules.handler, loaded, config };
  }

  /** Another process took the port in that moment. */
  #lost({ name }: ListenerConfig, error: unknown): void {
    const sentence = `the listener ${name} could not be opened again: ${describeError(error)}`;
    this.#options.logger.error({ event: 'listener-lost', listener: name, err: error }, sentence);
  }

  #drain(listener: Listener): void {
    this.#draining.add(listener);
    listener.refuse();
    const idle = listener.idle().then(() => this.#draining.delete(listener));
    this.#options.guard.promise('gateway', idle);
  }

  #rules(loaded: LoadedListener): ListenerRules {
    const { services, clock, logger, guard, namespace, memory, tracer } = this.#options;
    const { config } = loaded;
    const { name } = config;
    const metrics = this.#options.metrics.of(name);
    const refuse = createRefuseConnection(name, { clock, logger, metrics });
    const requestLog = this.#options.requestLog?.(name);
    const handler = createHandler(loaded, {
      services,
      upstreams: this.#upstreams,
      memory,
      tracer,
      requestLog,
      clock,
      logger,
      guard,
      name,
      namespace,
      metrics,
      refuse,
    });
    return { config, handler, metrics, refuse };
  }

  #certificates(): Map<string, number> {
    const expiries = new Map<string, number>();
    for (const { handler, loaded } of this.#listeners) {
      const { certificateNotAfterMs } = handler;
      if (certificateNotAfterMs !== undefined) {
        expiries.set(loaded.config.name, certificateNotAfterMs);
      }
    }
    return expiries;
  }
}

function egressTargetsOf({ config }: LoadedListener): EgressTarget[] {
  if (config.protocol !== 'HTTP' && config.protocol !== 'HTTPS') return [];
  return config.routes.flatMap(({ backend }) =>
    backend !== undefined && 'outside' in backend ? [backend.outside] : [],
  );
}
