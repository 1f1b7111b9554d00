import { BlockList, isIP } from 'node:net';
import type { EgressTarget } from '../../../common/authorization/egress.ts';
import { readEgressHost } from '../../../common/authorization/egress-pattern.ts';
import { parsePort } from '../../../common/config/address.ts';
import { valueType, type ValueType } from '../../../common/config/values.ts';
import { isLabel } from '../../../common/names.ts';

/** A service of the mesh and one of its ports, as the file names it. */
export interface Backend {
  readonly service: string;
  /** Undefined: the gateway's own namespace. */
  readonly namespace: string | undefined;
  readonly port: number;
}

/** `SERVICE[.NAMESPACE]:PORT` */
export const backend: ValueType<Backend> = valueType(
  'SERVICE[.NAMESPACE]:PORT as in api:8080',
  readBackend,
);

function readBackend(raw: string): Backend | undefined {
  const [, name = '', port = ''] = /^([^:]+):(\d+)$/.exec(raw) ?? [];
  const [service = '', namespace, ...rest] = name.split('.');
  if (rest.length > 0 || ![service, namespace ?? 'none'].every(isLabel)) return undefined;
  return { service, namespace, port: parsePort(port) };
}

/** A server outside of the mesh that speaks TLS. */
export interface EgressBackend {
  readonly outside: EgressTarget;
}

/** `SERVICE[.NAMESPACE]:PORT`, or `https://HOST[:PORT]` for a server outside. */
export const httpBackend: ValueType<Backend | EgressBackend> = valueType(
  'SERVICE[.NAMESPACE]:PORT as in api:8080, or https://HOST[:PORT] for a server outside',
  (raw) => {
    const [, bracketed, plain = '', port = '443'] =
      /^https:\/\/(?:\[([^\]]+)\]|([^:/[\]]+))(?::(\d+))?$/.exec(raw) ?? [];
    const host = readEgressHost(bracketed ?? plain);
    if (host !== undefined && (bracketed === undefined || isIP(host) === 6)) {
      return { outside: { host, port: parsePort(port) } };
    }
    return readBackend(raw);
  },
);

const HOST_LABEL = '[a-z0-9_](?:[-a-z0-9_]{0,61}[a-z0-9_])?';
const HOSTNAME = new RegExp(`^(?=.{1,253}$)(?:\\*\\.)?${HOST_LABEL}(?:\\.${HOST_LABEL})*$`);

/** A host name, or `*.` and a host name, which matches all names below it; in lower case. */
export const hostname: ValueType<string> = valueType(
  'a host name as in www.example.com or *.example.com',
  (raw) => (HOSTNAME.test(raw.toLowerCase()) && isIP(raw) === 0 ? raw.toLowerCase() : undefined),
);

/** The beginning of a path: `/`, or segments without a slash at the end. */
export const pathPrefix: ValueType<string> = valueType('a path that begins with /', (raw) => {
  if (!/^\/[!$&-;=@-Z_a-z~]*$/.test(raw) || raw.split('/').some((part) => /^\.{1,2}$/.test(part))) {
    return undefined;
  }
  return raw === '/' ? raw : raw.replace(/\/$/, '');
});

/** Names of fields: `X-User`, or `X-User-*` for all that begin like it. */
export const fieldPattern: ValueType<string> = valueType(
  'the name of a field as in X-User, or X-User-*',
  (raw) => (/^[!#$%&'+.^_`|~0-9a-z-]+\*?$/i.test(raw) ? raw : undefined),
);

/** Addresses as a network: `10.0.0.0/8`, or one address. */
export interface Network {
  readonly address: string;
  readonly prefix: number;
  readonly family: 'ipv4' | 'ipv6';
}

/** `ADDRESS[/BITS]` */
export const network: ValueType<Network> = valueType(
  'an address or a network as in 10.0.0.0/8',
  (raw) => {
    const [, address = '', bits] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(raw) ?? [];
    const version = isIP(address);
    const longest = version === 4 ? 32 : 128;
    const prefix = bits === undefined ? longest : Number(bits);
    if (version === 0 || prefix > longest) return undefined;
    return { address, prefix, family: version === 4 ? 'ipv4' : 'ipv6' };
  },
);

/** Tells whether an address is in one of the networks. */
export function networksContain(networks: readonly Network[]): (address: string) => boolean {
  const list = new BlockList();
  for (const { address, prefix, family } of networks) list.addSubnet(address, prefix, family);
  return (address) => {
    const version = isIP(address);
    return version !== 0 && list.check(address, version === 4 ? 'ipv4' : 'ipv6');
  };
}
