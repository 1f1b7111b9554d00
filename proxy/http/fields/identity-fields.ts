import type { Field } from '../message.ts';

/**
 * The fields by which proxies tell a service of the client: its address, what it asked for at first, its
 * certificate, who it is. A client could say the same, so that all of it is taken off what comes from outside.
 * `*` at the end stands for any rest.
 *
 * docs/gateway.md has the list; a test compares them.
 */
export const IDENTITY_FIELDS: readonly string[] = [
  // Addresses and the request as it came: RFC 7239, and what there was before it.
  'Forwarded',
  'X-Forwarded',
  'X-Forwarded-*',
  'X-Real-IP',
  'X-Real-Port',
  'X-Client-IP',
  'X-ProxyUser-IP',
  'Client-IP',
  'True-Client-IP',
  'X-Cluster-Client-IP',
  'Proxy-Client-IP',
  'WL-Proxy-*',
  'X-Originating-IP',
  'X-Remote-IP',
  'X-Remote-Addr',
  'X-Scheme',
  'X-Url-Scheme',
  'Front-End-Https',
  'X-Original-*',
  'X-Rewrite-URL',
  'Proxy',
  // Certificates: RFC 9440, Envoy, nginx, HAProxy, Apache, Traefik, IIS, AWS, Google, Azure.
  'Client-Cert',
  'Client-Cert-Chain',
  'X-Client-Cert*',
  'X-Client-Verify*',
  'X-Client-DN*',
  'X-Client-SAN*',
  'X-Client-Subject*',
  'X-Client-Issuer*',
  'X-Client-Serial*',
  'X-SSL-*',
  'SSL-Client-*',
  'X-TLS-Client-*',
  'X-ARR-ClientCert',
  'X-Amzn-Mtls-*',
  // Identities that proxies have authenticated: Apache, oauth2-proxy, Grafana, Kubernetes, clouds, meshes.
  'Remote-User',
  'X-Remote-User',
  'X-Remote-Group*',
  'X-Remote-Extra-*',
  'X-Auth-Request-*',
  'X-WebAuth-*',
  'X-Authenticated-*',
  'X-Amzn-Oidc-*',
  'X-Goog-Authenticated-User-*',
  'X-Goog-IAP-*',
  'X-MS-Client-Principal*',
  'X-SPIFFE-*',
  'X-Envoy-*',
  'L5d-*',
  'X-Hauberk-*',
  // Addresses, as CDNs tell them.
  'CF-Connecting-IP*',
  'Fastly-Client-IP',
  'X-Azure-ClientIP',
  'X-Azure-SocketIP',
  'X-Appengine-*',
];

/** So many names are remembered with what became of them; a client may send any name. */
const MAX_REMEMBERED = 2_048;

/** A longer name is judged each time: what is remembered is bounded in bytes, too. */
const MAX_REMEMBERED_LENGTH = 64;

/** Recognises names of fields, in any case, and with `_` for `-`: many frameworks take both for the same. */
export class FieldNames {
  readonly #names: ReadonlySet<string>;
  readonly #prefixes: readonly string[];
  readonly #known = new Map<string, boolean>();

  constructor(patterns: readonly string[]) {
    const folded = patterns.map(fold);
    this.#names = new Set(folded.filter((name) => !name.endsWith('*')));
    this.#prefixes = folded.filter((name) => name.endsWith('*')).map((name) => name.slice(0, -1));
  }

  has(name: string): boolean {
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    if (name.length > MAX_REMEMBERED_LENGTH) return this.#matches(fold(name));
    const folded = fold(name);
    const has = this.#matches(folded);
    if (this.#known.size >= MAX_REMEMBERED) this.#known.clear();
    this.#known.set(name, has);
    return has;
  }

  #matches(folded: string): boolean {
    return this.#names.has(folded) || this.#prefixes.some((own) => folded.startsWith(own));
  }

  /** The fields that have other names; the same list when all have. */
  without(fields: readonly Field[]): readonly Field[] {
    for (const [name] of fields) {
      if (this.has(name)) return fields.filter(([own]) => !this.has(own));
    }
    return fields;
  }
}

function fold(name: string): string {
  return name.toLowerCase().replaceAll('_', '-');
}
