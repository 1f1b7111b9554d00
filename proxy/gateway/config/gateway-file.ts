import { z } from 'zod';
import { parseHostPort, type HostPort } from '../../../common/config/address.ts';
import {
  choice,
  filePath,
  integer,
  port,
  valueType,
  type ValueType,
} from '../../../common/config/values.ts';
import { isLabel } from '../../../common/names.ts';
import { connectionLimits, httpLimits } from './limits.ts';
import { backend, fieldPattern, hostname, httpBackend, network, pathPrefix } from './names.ts';

// The words are those of the Gateway API of Kubernetes where it has them: listeners, protocol,
// hostnames, tls.mode, requestRedirect.

const listen: ValueType<HostPort> = valueType('IP:PORT', (raw) => parseHostPort(raw, 0));

const name: ValueType<string> = valueType(
  'a name of lower-case letters, digits, "-" and "_", at most 63 long',
  (raw) => (isLabel(raw) ? raw : undefined),
);

/** Who may say with the PROXY protocol (version 2) where a connection comes from. */
const proxyProtocol = z.strictObject({ from: z.array(network).min(1) });

const common = { name, listen, proxyProtocol: proxyProtocol.optional() };

const toService = {
  backend,
  /** The service is told with the PROXY protocol (version 2) where a connection comes from. */
  sendProxyProtocol: z.boolean().default(false),
};

const certificates = z.array(z.strictObject({ certificate: filePath, key: filePath })).min(1);

const clientCertificate = z.strictObject({ mode: choice(['Required', 'Optional']), ca: filePath });

const terminate = z.strictObject({
  mode: z.literal('Terminate'),
  certificates,
  clientCertificate: clientCertificate.optional(),
  minVersion: choice(['1.2', '1.3']).default('1.2'),
});

const passthrough = z.strictObject({ mode: z.literal('Passthrough') });

const hostnames = z.array(hostname).default([]);

const connectionRoute = z.strictObject({ hostnames, ...toService });

const requestRedirect = z.strictObject({
  scheme: z.literal('https'),
  port: port.default(443),
  statusCode: z
    .union([z.literal(301), z.literal(302), z.literal(307), z.literal(308)])
    .default(301),
});

const httpRoute = z
  .strictObject({
    hostnames,
    pathPrefix: pathPrefix.default('/'),
    backend: httpBackend.optional(),
    /** False: a server outside is sent its own name as the `Host`, and not the client's; by default as its policy says. */
    preserveHost: z.boolean().optional(),
    /** What the service speaks: h2c is HTTP/2 without TLS, as gRPC needs it. */
    appProtocol: choice(['http', 'h2c']).default('http'),
    /** Fields that no client may send, besides those that are taken off anyway: the service takes them for an identity. */
    identityFields: z.array(fieldPattern).default([]),
    /** Instead of the listener's `responseSeconds`; 0 waits as long as the client does. */
    responseSeconds: integer({ min: 0, max: 86_400 }).optional(),
    /** Instead of the listener's `streamIdleSeconds`; 0 for ever. */
    streamIdleSeconds: integer({ min: 0, max: 86_400 }).optional(),
    /** Requests that the backend is sent at a time, such as it has workers; others wait. */
    maxParallelRequests: integer({ min: 1, max: 1_000_000 }).optional(),
    requestRedirect: requestRedirect.optional(),
  })
  .superRefine((route, context) => {
    if ((route.backend === undefined) === (route.requestRedirect === undefined)) {
      context.addIssue({
        code: 'custom',
        message: 'expected a backend or a requestRedirect, and not both',
      });
    }
    const isOutside = route.backend !== undefined && 'outside' in route.backend;
    const refuse = (key: string, message: string): void =>
      context.addIssue({ code: 'custom', path: [key], message });
    if (isOutside && route.appProtocol === 'h2c') {
      refuse('appProtocol', 'expected http for a backend outside, which is spoken to in TLS');
    }
    if (!isOutside && route.preserveHost !== undefined) {
      refuse('preserveHost', 'expected only with a backend outside, as in https://HOST');
    }
  });

const routes = z.array(httpRoute).min(1);

const listener = z.discriminatedUnion('protocol', [
  z.strictObject({
    ...common,
    protocol: z.literal('TCP'),
    ...toService,
    limits: connectionLimits.prefault({}),
  }),
  z.strictObject({
    ...common,
    protocol: z.literal('TLS'),
    tls: z.discriminatedUnion('mode', [terminate, passthrough]),
    routes: z.array(connectionRoute).min(1),
    limits: connectionLimits.prefault({}),
  }),
  z.strictObject({
    ...common,
    protocol: z.literal('HTTP'),
    routes,
    limits: httpLimits.prefault({}),
  }),
  z.strictObject({
    ...common,
    protocol: z.literal('HTTPS'),
    tls: terminate,
    routes,
    limits: httpLimits.prefault({}),
  }),
]);

const listeners = z
  .array(listener)
  .min(1)
  .superRefine((all, context) => {
    for (const [
      index,
      {
        name: own,
        listen: { host, port: number },
      },
    ] of all.entries()) {
      const before = all.slice(0, index);
      const twice = (what: string): void =>
        context.addIssue({
          code: 'custom',
          path: [index],
          message: `${what} is taken by a listener above`,
        });
      if (before.some((other) => other.name === own)) twice(`the name ${own}`);
      const sameAddress = before.some(
        (other) => other.listen.host === host && other.listen.port === number,
      );
      if (number !== 0 && sameAddress) twice(`the address ${host}:${number}`);
    }
  });

/** The part of the gateway's file that says what it serves; the rest of the file are settings. */
export const GATEWAY_FILE_SCHEMA = z.object({ listeners });

/** One listener, complete with its defaults. */
export type ListenerConfig = z.output<typeof listener>;

/** How TLS ends at a listener. */
export type TerminateConfig = z.output<typeof terminate>;

/** Where connections of some host names go. */
export type ConnectionRoute = z.output<typeof connectionRoute>;

/** Where requests for some host names and paths go. */
export type HttpRoute = z.output<typeof httpRoute>;
