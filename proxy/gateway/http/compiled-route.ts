import { FieldNames, IDENTITY_FIELDS } from '../../http/fields/identity-fields.ts';
import { requestFields, type ForwardedClient } from '../../http/fields/request-fields.ts';
import type { ForwardLimits } from '../../http/forward/forward-limits.ts';
import type { Field, RequestHead } from '../../http/message.ts';
import type { Upstream } from '../../http/upstream/upstream.ts';
import type { HttpRoute } from '../config/gateway-file.ts';
import type { HttpLimits } from '../config/limits.ts';
import type { HasPath } from '../routes.ts';
import type { EgressPolicyOf } from '../services.ts';
import { hostOf, nameOf, type HttpDestination, type Upstreams } from './upstreams.ts';

/** What routes depend on besides the file. */
export interface RouteDependencies {
  readonly upstreams: Upstreams;
  readonly limits: HttpLimits;
  readonly egressPolicyOf: EgressPolicyOf;
  /** For services that are named without one. */
  readonly namespace: string;
}

/** A route of the file, with all that can be known before a request comes. */
export class CompiledRoute implements HasPath {
  readonly hostnames: readonly string[];
  readonly pathPrefix: string;
  readonly redirect: HttpRoute['requestRedirect'];
  /** What logs call it: its host names and its prefix. */
  readonly name: string;
  /** What logs call the service that it leads to. */
  readonly service: string | undefined;
  readonly limits: ForwardLimits;
  readonly identityFields: FieldNames;
  readonly #route: HttpRoute;
  readonly #dependencies: RouteDependencies;
  readonly #destination: HttpDestination | undefined;
  #upstream: Upstream | undefined;

  constructor(route: HttpRoute, dependencies: RouteDependencies) {
    const { limits, namespace } = dependencies;
    const { backend, responseSeconds = limits.responseSeconds } = route;
    const { streamIdleSeconds = limits.streamIdleSeconds } = route;
    this.#route = route;
    this.#dependencies = dependencies;
    this.hostnames = route.hostnames;
    this.pathPrefix = route.pathPrefix;
    this.redirect = route.requestRedirect;
    this.name = `${route.hostnames.join(',') || '*'}${route.pathPrefix}`;
    this.limits = {
      bodyBytes: limits.bodyBytes,
      requestMs: limits.requestSeconds * 1000,
      responseMs: responseSeconds * 1000,
      idleMs: streamIdleSeconds * 1000,
    };
    this.identityFields = new FieldNames([...IDENTITY_FIELDS, ...route.identityFields]);
    if (backend === undefined) return;
    this.#destination =
      'outside' in backend
        ? backend.outside
        : { ...backend, namespace: backend.namespace ?? namespace };
    this.service = nameOf(this.#destination);
  }

  /** Where its requests go; undefined when it has no backend. */
  get upstream(): Upstream | undefined {
    const { upstreams } = this.#dependencies;
    this.#upstream ??= this.#destination && upstreams.of(this.#destination, this.#route);
    return this.#upstream;
  }

  /** The fields that its service gets. */
  fieldsOf(
    fields: readonly Field[],
    scheme: 'http' | 'https',
    client: ForwardedClient,
  ): readonly Field[] {
    return requestFields({ fields, scheme }, this.identityFields, client);
  }

  /** The request as its service gets it. */
  headOf(request: RequestHead, fields: readonly Field[]): RequestHead {
    const { version, method, target, contentLength, upgrade } = request;
    const isOutside = this.#destination !== undefined && 'host' in this.#destination;
    return {
      version,
      method,
      scheme: isOutside ? 'https' : 'http',
      authority: this.#authorityOf(request),
      target,
      fields,
      contentLength,
      upgrade,
    };
  }

  #authorityOf({ authority }: RequestHead): string | undefined {
    const destination = this.#destination;
    if (destination === undefined) return authority;
    // A client of HTTP/1.0 may leave out whom it asks; a server of HTTP/1.1 wants to hear it.
    if (!('host' in destination)) return authority ?? hostOf(destination);
    const policy = this.#dependencies.egressPolicyOf(destination);
    const own = hostOf({ ...destination, host: policy?.hostname ?? destination.host });
    const keeps = this.#route.preserveHost ?? policy?.preserveHost ?? true;
    return keeps ? (authority ?? own) : own;
  }
}
