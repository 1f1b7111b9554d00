import { callEach } from '../../../common/listeners.ts';
import { backendPolicyFor, type Routes } from '../../../common/routes/backend-policy.ts';
import { formatServicePort, type ServicePort } from '../../../common/routes/route.ts';
import { Backend, type BackendDependencies } from '../balance/backend.ts';
import { compileRoutes, withoutRoutes, type CompiledTable } from './compiled-routes.ts';

/** Where routes come from. */
export interface RoutesSource {
  current(): Routes;
  /** Calls back after each change; returns the function that ends it. */
  onChange(listener: () => void): () => void;
}

/** What a set of routes needs. */
export interface RouteSetDependencies extends BackendDependencies {
  readonly source: RoutesSource;
  /** Is told of the rules of each service that is called, before the first request. */
  readonly onTable: (table: CompiledTable) => void;
  /** Calls back after each change of the endpoints. */
  readonly onEndpoints: (listener: () => void) => () => void;
}

/** A service, as the connections of the application to it see it: its rules change under them. */
export interface RoutedService {
  readonly target: ServicePort;
  /** The rules now. */
  readonly table: CompiledTable;
}

/** Beyond so many they are looked for again: an application that calls every port there is takes no more memory. */
const MAX_UNROUTED = 1_000;

/**
 * The routes in force, and the backends that they lead to. A change of the routes is in force for the next request. Backends
 * outlive it with what is known of them: their connections, what is under way, which endpoints are put aside.
 */
export class RouteSet {
  readonly #dependencies: RouteSetDependencies;
  readonly #backends = new Map<string, Backend>();
  readonly #services = new Map<string, Service>();
  /** Called, and without a route now: what each connection asks is looked for once. */
  readonly #unrouted = new Set<string>();
  readonly #stops: readonly (() => void)[];
  #routes: Routes;

  constructor(dependencies: RouteSetDependencies) {
    const { source, onEndpoints } = dependencies;
    this.#dependencies = dependencies;
    this.#routes = source.current();
    this.#stops = [
      source.onChange(() => this.#replace(source.current())),
      onEndpoints(() => callEach(this.#backends.values(), (backend) => backend.refresh())),
    ];
  }

  get backends(): Iterable<Backend> {
    return this.#backends.values();
  }

  /** The service, when requests to it have a route; undefined when its connections are carried as bytes. */
  serviceAt(target: ServicePort): RoutedService | undefined {
    const name = formatServicePort(target);
    const known = this.#services.get(name);
    if (known !== undefined) return known.hasRoutes ? known : undefined;
    if (this.#unrouted.has(name)) return undefined;
    const table = this.#compile(target);
    if (table === undefined) {
      if (this.#unrouted.size >= MAX_UNROUTED) this.#unrouted.clear();
      this.#unrouted.add(name);
      return undefined;
    }
    const service = new Service(target, table, () => withoutRoutes(this.#backendAt(target)));
    this.#services.set(name, service);
    return service;
  }

  close(): void {
    for (const stop of this.#stops) stop();
    for (const backend of this.#backends.values()) backend.close();
  }

  #replace(routes: Routes): void {
    this.#routes = routes;
    this.#unrouted.clear();
    for (const backend of this.#backends.values()) {
      backend.setPolicy(backendPolicyFor(routes, backend.target));
    }
    for (const service of this.#services.values()) {
      service.setTable(this.#compile(service.target));
    }
    this.#prune();
  }

  #compile(target: ServicePort): CompiledTable | undefined {
    const table = compileRoutes(this.#routes, target, (at) => this.#backendAt(at));
    if (table !== undefined) this.#dependencies.onTable(table);
    return table;
  }

  /** Forgets backends that no rule leads to any more, once nothing is under way there. */
  #prune(): void {
    const used = new Set<Backend>();
    for (const { table } of this.#services.values()) {
      for (const { backends, mirrors } of table.entries) {
        for (const { backend } of [...backends, ...mirrors]) used.add(backend);
      }
    }
    for (const [name, backend] of this.#backends) {
      if (used.has(backend) || !backend.isIdle) continue;
      this.#backends.delete(name);
      backend.close();
    }
  }

  #backendAt(target: ServicePort): Backend {
    const name = formatServicePort(target);
    let backend = this.#backends.get(name);
    if (backend === undefined) {
      const { namespace, service, port } = target;
      const policy = backendPolicyFor(this.#routes, target);
      backend = new Backend({ namespace, service, port }, policy, this.#dependencies);
      this.#backends.set(name, backend);
    }
    return backend;
  }
}

class Service implements RoutedService {
  readonly target: ServicePort;
  hasRoutes = true;
  table: CompiledTable;
  readonly #otherwise: () => CompiledTable;

  constructor(target: ServicePort, table: CompiledTable, otherwise: () => CompiledTable) {
    this.target = target;
    this.table = table;
    this.#otherwise = otherwise;
  }

  setTable(table: CompiledTable | undefined): void {
    this.hasRoutes = table !== undefined;
    this.table = table ?? this.#otherwise();
  }
}
