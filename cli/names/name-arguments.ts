import type { Identity } from '../../common/authorization/decide.ts';
import { parsePort } from '../../common/config/address.ts';
import { setting } from '../../common/config/settings.ts';
import { label, type ValueType, valueType } from '../../common/config/values.ts';
import { isLabel, isTrustDomain } from '../../common/names.ts';

/** A name on the command line; what is left out is the mesh's, or of `--namespace`. */
export interface NameArgument {
  readonly trustDomain: string | undefined;
  readonly namespace: string | undefined;
  readonly service: string;
}

/** A service and a port. */
export interface ServicePortArgument extends NameArgument {
  readonly port: number;
}

/** `SERVICE[.NAMESPACE]`, or a SPIFFE ID. */
export const caller: ValueType<NameArgument> = valueType(
  'SERVICE[.NAMESPACE] or spiffe://DOMAIN/ns/NAMESPACE/sa/SERVICE',
  readName,
);

/** `SERVICE[.NAMESPACE]:PORT`. */
export const servicePort: ValueType<ServicePortArgument> = valueType(
  'SERVICE[.NAMESPACE]:PORT',
  readServicePort,
);

/** The namespace of names without one. */
export const NAMESPACE = setting(label.default('default'), {
  description: 'namespace of names without one',
  placeholder: 'NAME',
});

/** Reads `SERVICE[.NAMESPACE]:PORT`; undefined for anything else. Throws ConfigError for the port. */
export function readServicePort(text: string): ServicePortArgument | undefined {
  const at = text.lastIndexOf(':');
  const name = at < 0 ? undefined : readName(text.slice(0, at));
  if (name === undefined || name.trustDomain !== undefined) return undefined;
  return { ...name, port: parsePort(text.slice(at + 1)) };
}

/** Reads `SERVICE[.NAMESPACE]` or a SPIFFE ID; undefined for anything else. */
export function readName(text: string): NameArgument | undefined {
  const [, trustDomain, fullNamespace, fullService] =
    /^spiffe:\/\/([^/]+)\/ns\/([^/]+)\/sa\/([^/]+)$/.exec(text) ?? [];
  const [service = '', namespace, ...more] =
    fullService === undefined ? text.split('.') : [fullService, fullNamespace];
  const isName = isLabel(service) && (namespace === undefined || isLabel(namespace));
  if (!isName || more.length > 0) return undefined;
  if (trustDomain !== undefined && !isTrustDomain(trustDomain)) return undefined;
  return { trustDomain, namespace, service };
}

/** Completes a name. */
export function identityOf(
  name: NameArgument,
  defaults: { readonly trustDomain: string; readonly namespace: string },
): Identity {
  const { trustDomain = defaults.trustDomain, namespace = defaults.namespace, service } = name;
  return { trustDomain, namespace, service };
}

/** `SERVICE.NAMESPACE`, and in full when it is of another trust domain. */
export function formatIdentity(identity: Identity, meshDomain: string): string {
  const { trustDomain, namespace, service } = identity;
  if (trustDomain === meshDomain) return `${service}.${namespace}`;
  return `spiffe://${trustDomain}/ns/${namespace}/sa/${service}`;
}
