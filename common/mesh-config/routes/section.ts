import { z } from 'zod';
import { SYSTEM_NAMESPACE } from '../../pki/spiffe-id.ts';
import type { Routes } from '../../routes/backend-policy.ts';
import { formatServicePort, type Route, type ServicePort } from '../../routes/route.ts';
import { labelField } from '../fields.ts';
import { BACKEND_KEYS, backendPolicy, toBackendPolicy } from './backends.ts';
import { type ServiceRef } from './fields.ts';
import { FILTER_KEYS } from './filters.ts';
import { grpcRoute, httpRoute, ROUTE_KEYS } from './rules.ts';
import { toRule } from './to-rule.ts';

/** More than a person can oversee; bounds every message and every decision. */
const MAX_ENTRIES = 500;

const section = z.strictObject({
  /** The namespace of services without one. */
  namespace: labelField.optional(),
  /** HTTPRoutes of the Gateway API, for services. */
  http: z.array(httpRoute).max(MAX_ENTRIES).default([]),
  /** GRPCRoutes, likewise. */
  grpc: z.array(grpcRoute).max(MAX_ENTRIES).default([]),
  /** How the services are treated that routes lead to. */
  backends: z.array(backendPolicy).max(MAX_ENTRIES).default([]),
});

/** The keys of the section and of all that is in it. */
export const ROUTES_KEYS: readonly string[] = [
  ...new Set([...Object.keys(section.shape), ...ROUTE_KEYS, ...FILTER_KEYS, ...BACKEND_KEYS]),
];

type Place = readonly (string | number)[];

/** The section `routes` of a mesh configuration: what callers' sidecars do with HTTP requests for services. */
export const routesSection = section.transform((given, context): Routes => {
  const complain = (message: string, ...path: Place): void => {
    context.issues.push({ code: 'custom', input: undefined, message, path: [...path] });
  };
  const resolve = (ref: ServiceRef, ...path: Place): ServicePort => {
    const { name: service, namespace = given.namespace, port } = ref;
    if (namespace === undefined) {
      complain(`${service} has no namespace: write one beside it, or for all routes`, ...path);
    } else if (namespace === SYSTEM_NAMESPACE) {
      complain(`the namespace ${SYSTEM_NAMESPACE} has no services`, ...path);
    }
    return { service, namespace: namespace ?? '', port };
  };
  const parents = new Map<string, Route>();
  const names = new Set<string>();
  const routes = (['http', 'grpc'] as const).flatMap((kind) =>
    given[kind].map((config, at): Route => {
      const place = [kind, at] as const;
      const route: Route = {
        kind,
        name: config.name,
        parents: config.parentRefs.map((ref, index) => resolve(ref, ...place, 'parentRefs', index)),
        rules: config.rules.map((rule, index) => {
          const rulePlace = [...place, 'rules', index];
          return toRule(
            rule,
            (ref, ...path) => resolve(ref, ...rulePlace, ...path),
            (message, ...path) => complain(message, ...rulePlace, ...path),
          );
        }),
      };
      if (names.has(route.name)) {
        complain(`the name ${route.name} is taken by a route above`, ...place, 'name');
      }
      names.add(route.name);
      for (const [index, parent] of route.parents.entries()) {
        const key = formatServicePort(parent);
        const other = parents.get(key) ?? route;
        if (other.kind !== kind) {
          const message = `${key} has the http route ${other.name}: requests for a port are for routes of one kind`;
          complain(message, ...place, 'parentRefs', index);
        }
        parents.set(key, other);
      }
      return route;
    }),
  );
  const targets = new Set<string>();
  const backends = given.backends.map((config, at) =>
    toBackendPolicy(
      config,
      config.targetRefs.map((ref, index) => {
        const place = ['backends', at, 'targetRefs', index] as const;
        const target = resolve(ref, ...place);
        const key = formatServicePort(target);
        if (targets.has(key)) complain(`${key} has an entry above`, ...place);
        targets.add(key);
        return target;
      }),
    ),
  );
  return { routes, backends };
});
