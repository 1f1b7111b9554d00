import { canonicalAddress, isDiallable } from '../../../common/network/ip-address.ts';
import { isLabel } from '../../../common/names.ts';
import type { SpiffeId } from '../../../common/pki/spiffe-id.ts';
import type {
  Hello,
  LocalAllow,
  MetricsListener,
} from '../../../proto/gen/hauberk/v1/discovery.ts';
import type { SidecarRecord } from '../../registry/sidecar-record.ts';
import { RequestError } from '../request-error.ts';

/** Letters, digits and `.`, `_`, `-` inside: it is part of a key of the store, and printed. */
const INSTANCE_ID = /^[A-Za-z0-9](?:[-A-Za-z0-9._]{0,62}[A-Za-z0-9])?$/;

/** Printable ASCII, as in `1.2.3-rc.1+build`; empty when the sidecar does not tell. */
const SOFTWARE_VERSION = /^[\x21-\x7e]{0,64}$/;

/** A service with more ports is a range, which this protocol cannot say; bounds every message. */
const MAX_PORTS = 256;

/** Bounds what is kept of a sidecar; `hauberk status` has to show it. */
const MAX_ALLOWANCES = 1_000;

/** Anything else is of a version that knows more, and is not told. */
const ROLES: ReadonlySet<string> = new Set(['sidecar', 'gateway']);

/** A host with more is a router; bounds every message. */
const MAX_ADDRESSES = 64;

/**
 * Checks a Hello.
 *
 * @param spiffeId of the sidecar's certificate: who it is is not for the Hello to say
 * @param seen where the connection comes from, and what counts for a Hello without addresses: what a sidecar says of
 *   others is a claim
 * @throws RequestError `request-malformed`, naming the field
 */
export function readHello(
  hello: Hello,
  spiffeId: SpiffeId,
  seen: readonly [string, ...string[]],
): SidecarRecord {
  const { instanceId, addresses, hbonePort, ports, anyPort, softwareVersion } = hello;
  if (!INSTANCE_ID.test(instanceId)) {
    throw malformed('instance_id', 'to be 1 to 64 letters, digits, ".", "_" and "-"', instanceId);
  }
  if (!isPort(hbonePort, 0)) throw malformed('hbone_port', 'to be 0 to 65535', hbonePort);
  if (ports.length > MAX_PORTS) {
    throw malformed('ports', `to have at most ${MAX_PORTS} entries`, ports.length);
  }
  if (addresses.length > MAX_ADDRESSES) {
    throw malformed('addresses', `to have at most ${MAX_ADDRESSES} entries`, addresses.length);
  }
  const wrong = ports.find((port) => !isPort(port, 1));
  if (wrong !== undefined) throw malformed('ports', 'to be 1 to 65535 each', wrong);
  if (!SOFTWARE_VERSION.test(softwareVersion)) {
    throw malformed('software_version', 'to be at most 64 printable characters', softwareVersion);
  }
  return {
    instanceId,
    spiffeId: spiffeId.uri,
    addresses: [...new Set((addresses.length === 0 ? seen : addresses).map(readAddress))],
    seen: canonicalAddress(seen[0]) ?? '',
    hbonePort,
    ports: [...new Set(ports)].sort((a, b) => a - b),
    anyPort,
    softwareVersion,
    ...readAllow(hello.localAllow),
    ...readMetrics(hello.metrics),
    ...(ROLES.has(hello.role) && { role: hello.role }),
  };
}

/** Operators are told of it and nothing depends on it: one that is too long is as good as not told. */
function readAllow(message: LocalAllow | undefined): Pick<SidecarRecord, 'allow'> {
  if (message === undefined || message.allowances.length > MAX_ALLOWANCES) return {};
  const allow = message.allowances.map(({ port, namespace, service }) => {
    if (!isPort(port, 1)) throw malformed('local_allow', 'to have ports from 1 to 65535', port);
    const odd = [namespace, service].find((name) => !isLabel(name));
    if (odd !== undefined) throw malformed('local_allow', 'to have names of services', odd);
    return { port, namespace, service };
  });
  return { allow };
}

/** Where Prometheus may be sent is decided later; an address that cannot be dialled is as good as not told. */
function readMetrics(message: MetricsListener | undefined): Pick<SidecarRecord, 'metrics'> {
  if (message === undefined || !isPort(message.port, 1)) return {};
  const { address, port } = message;
  if (address === '') return { metrics: { address, port } };
  const canonical = canonicalAddress(address);
  if (canonical === undefined || !isDiallable(canonical)) return {};
  return { metrics: { address: canonical, port } };
}

function isPort(port: number, lowest: 0 | 1): boolean {
  return Number.isInteger(port) && port >= lowest && port <= 65_535;
}

function readAddress(address: string): string {
  const canonical = canonicalAddress(address);
  if (canonical === undefined) throw malformed('addresses', 'to be IP addresses', address);
  if (!isDiallable(canonical)) {
    throw malformed('addresses', 'to be addresses that peers can dial', address);
  }
  return canonical;
}

function malformed(field: string, expected: string, got: string | number): RequestError {
  const shown = JSON.stringify(typeof got === 'string' ? got.slice(0, 64) : got);
  return new RequestError('request-malformed', `expected ${field} ${expected}, got ${shown}`);
}
