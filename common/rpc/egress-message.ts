import type {
  Egress as EgressMessage,
  EgressDestination as EgressDestinationMessage,
} from '../../proto/gen/hauberk/v1/discovery.ts';
import type {
  Egress,
  EgressClientCertificate,
  EgressDestination,
  OutsidePattern,
} from '../authorization/egress.ts';
import {
  formatNamePattern,
  readNamePattern,
  type NamePattern,
} from '../authorization/name-pattern.ts';
import {
  formatOutsidePattern,
  readOutsideHost,
  readOutsidePattern,
} from '../authorization/outside-pattern.ts';
import { RpcError } from './rpc-error.ts';

/** The form that travels; undefined when there is nothing to say. */
export function toEgressMessage({ allowances, destinations }: Egress): EgressMessage | undefined {
  if (allowances === undefined && destinations.length === 0) return undefined;
  return {
    listed: allowances !== undefined,
    allowances: (allowances ?? []).map(({ from, to }) => ({
      from: from.map(formatNamePattern),
      to: to.map(formatOutsidePattern),
    })),
    destinations: destinations.map((destination) => {
      const { host, port, hostname, anchors, subjectAltNames } = destination;
      const { allowCommonName, clientCertificate: shown, minVersion, alpn } = destination;
      const { preserveHost } = destination;
      return {
        host,
        port,
        hostname,
        caFiles: anchors.kind === 'files' ? [...anchors.paths] : [],
        sanHostnames: [...subjectAltNames.hostnames],
        sanUris: [...subjectAltNames.uris],
        allowCommonName,
        clientCertificate: shown?.kind ?? '',
        certificateFile: shown?.kind === 'files' ? shown.certificate : '',
        keyFile: shown?.kind === 'files' ? shown.key : '',
        minVersion,
        alpn: [...alpn],
        replaceHost: !preserveHost,
      };
    }),
  };
}

/** Reads what came from outside, all of it or nothing. @throws RpcError `protocol` */
export function fromEgressMessage({ listed, allowances, destinations }: EgressMessage): Egress {
  const read = allowances.map(({ from, to }) => ({
    from: from.map(readFrom),
    to: to.map(readTo),
  }));
  if (!listed && read.length > 0) throw malformed('a list that counts', 'allowances');
  return { allowances: listed ? read : undefined, destinations: destinations.map(readDestination) };
}

function readDestination(message: EgressDestinationMessage): EgressDestination {
  const { host, port, hostname, caFiles, sanHostnames, sanUris, minVersion } = message;
  if (readOutsideHost(host) !== host) throw malformed('a host', host);
  if (readOutsideHost(hostname) !== hostname) throw malformed('a hostname', hostname);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) throw malformed('a port', port);
  if (minVersion !== '1.2' && minVersion !== '1.3') throw malformed('TLS 1.2 or 1.3', minVersion);
  return {
    host,
    port,
    hostname,
    anchors: caFiles.length === 0 ? { kind: 'system' } : { kind: 'files', paths: caFiles },
    subjectAltNames: { hostnames: sanHostnames, uris: sanUris },
    allowCommonName: message.allowCommonName,
    clientCertificate: readClientCertificate(message),
    minVersion,
    alpn: message.alpn,
    preserveHost: !message.replaceHost,
  };
}

function readClientCertificate(
  message: EgressDestinationMessage,
): EgressClientCertificate | undefined {
  const { clientCertificate: kind, certificateFile: certificate, keyFile: key } = message;
  if (kind === '') return undefined;
  if (kind === 'mesh') return { kind };
  if (kind !== 'files' || certificate === '' || key === '') {
    throw malformed('a client certificate of the mesh or of files', kind);
  }
  return { kind, certificate, key };
}

function readFrom(text: string): NamePattern {
  const reading = readNamePattern(text);
  if (reading.kind === 'malformed') throw malformed('names', text);
  return reading.pattern;
}

function readTo(text: string): OutsidePattern {
  const pattern = readOutsidePattern(text);
  if (pattern === undefined) throw malformed('places', text);
  return pattern;
}

function malformed(expected: string, got: string | number): RpcError {
  const shown = JSON.stringify(got).slice(0, 128);
  return new RpcError('protocol', `expected an egress policy with ${expected}, got ${shown}`, {
    hint: 'run compatible versions of sidecar and control plane',
  });
}
