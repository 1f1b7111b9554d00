import {
  DEFAULT_CONTROL_PLANE,
  parseHostPort,
  type HostPort,
} from '../../common/config/address.ts';
import { ConfigError } from '../../common/config/config-error.ts';
import {
  flagName,
  listSetting,
  secretSetting,
  setting,
  severalSetting,
  switchSetting,
  type SettingsOf,
  type SettingsTable,
} from '../../common/config/settings.ts';
import {
  allow,
  choice,
  durationSeconds,
  egress,
  expose,
  filePath,
  httpUrl,
  hostPort,
  integer,
  ipAddress,
  label,
  port,
  text,
  trustDomain,
  upstream,
  valueType,
  type ValueType,
} from '../../common/config/values.ts';
import type { LocalAllowance } from '../../proto/gen/hauberk/v1/discovery.ts';
import { LOG_LEVELS } from '../../common/logging/logger.ts';

const listenAddress: ValueType<HostPort> = valueType('HOST:PORT', (raw) => parseHostPort(raw, 0));

/** `IP` or `IP:PORT`: where peers reach this sidecar, when that is not where it listens. */
const advertised: ValueType<{ readonly address: string; readonly port: number | undefined }> =
  valueType('IP or IP:PORT', (raw) => {
    const bare = ipAddress.safeParse(raw);
    if (bare.success) return { address: bare.data, port: undefined };
    const { host: address, ...rest } = parseHostPort(raw);
    return ipAddress.safeParse(address).success ? { address, ...rest } : undefined;
  });

/** 0 to 100, with a fraction. */
const percent: ValueType<number> = valueType('a number from 0 to 100', (raw) => {
  const number = /^\d{1,3}(?:\.\d{1,6})?$/.test(raw) ? Number(raw) : Number.NaN;
  return number <= 100 ? number : undefined;
});

/** A day: a drain that takes longer is a restart that never happens. */
const MAX_DRAIN_SECONDS = 86_400;

/** More than the cores of most machines; each takes some 60 MB before it carries anything. */
const MAX_WORKERS = 64;

/** Everything that `hauberk proxy` can be told. */
export const PROXY_SETTINGS = {
  service: setting(label, {
    description: 'name of the service that this sidecar serves',
    placeholder: 'NAME',
  }),
  namespace: setting(label.default('default'), {
    description: 'namespace of the service; in Compose, the name of the project',
    placeholder: 'NAME',
  }),
  trustDomain: setting(trustDomain.default('mesh.local'), {
    description: 'trust domain of the mesh',
    placeholder: 'DOMAIN',
  }),
  controlPlane: severalSetting(hostPort, DEFAULT_CONTROL_PLANE, {
    description:
      'where the control planes serve gRPC: one or more addresses, or a name with several records',
    placeholder: 'HOST:PORT[,…]',
    defaultText: '127.0.0.1:15012',
  }),
  tokenFile: setting(filePath.optional(), {
    description:
      'file with the join token, which the sidecar waits for; needed for the first start only',
    placeholder: 'FILE',
  }),
  token: secretSetting(text.optional(), {
    description: 'the join token itself, instead of a file',
  }),
  stateDir: setting(filePath.default('hauberk-state'), {
    description:
      'directory that keeps the key, the certificate and the view of the mesh between starts',
    placeholder: 'DIR',
  }),
  upstream: listSetting(upstream, {
    description: 'a local port for a service of the mesh, as in 127.0.0.1:9000=api:8080',
    placeholder: 'LISTEN=SERVICE[.NAMESPACE]:PORT',
  }),
  egress: listSetting(egress, {
    description:
      'a local port for a server outside, as in 127.0.0.1:9001=example.com:443; mesh.yaml sets its TLS',
    placeholder: 'LISTEN=HOST:PORT',
  }),
  expose: listSetting(expose, {
    description: 'a port that peers may reach, and where the application listens',
    placeholder: 'PORT[=ADDRESS]',
  }),
  allow: listSetting(allow, {
    description: 'a service that may reach a port; by default any workload may',
    placeholder: 'PORT=SERVICE[.NAMESPACE]',
  }),
  advertise: setting(advertised.optional(), {
    description:
      'address at which peers reach this sidecar; by default the one that the control plane sees',
    placeholder: 'IP[:PORT]',
  }),
  hboneListen: setting(listenAddress.default({ host: '::', port: 15_008 }), {
    description: 'where to accept tunnels from peers',
    placeholder: 'HOST:PORT',
    defaultText: '[::]:15008',
    advanced: true,
  }),
  metricsListen: setting(listenAddress.default({ host: '::', port: 15_020 }), {
    description: 'where to serve metrics and health',
    placeholder: 'HOST:PORT',
    defaultText: '[::]:15020',
    advanced: true,
  }),
  transparent: switchSetting({
    description:
      'carry the connections that hauberk proxy init-netns redirects, and let peers reach every port',
  }),
  outbound: setting(choice(['passthrough', 'mesh-only']).default('passthrough'), {
    description:
      'with --transparent: passthrough, or mesh-only to refuse connections that would leave in plaintext',
    placeholder: 'MODE',
  }),
  inbound: setting(choice(['strict', 'permissive']).default('strict'), {
    description: 'with --transparent: strict, or permissive to accept plaintext from any client',
    placeholder: 'MODE',
  }),
  ingress: listSetting(port, {
    description:
      'with --transparent: a port that accepts plaintext from any client, as a public website does',
    placeholder: 'PORT',
  }),
  clientAddress: setting(choice(['own', 'preserve']).default('own'), {
    description:
      'with --transparent: the address that applications see as their client: own, or preserve for the one that the client has',
    placeholder: 'MODE',
  }),
  excludePort: listSetting(port, {
    description: 'with --transparent: a port that peers may not reach through the mesh',
    placeholder: 'PORT',
  }),
  outboundListen: setting(listenAddress.default({ host: '127.0.0.1', port: 15_001 }), {
    description: 'with --transparent: where the rules redirect outgoing connections to',
    placeholder: 'HOST:PORT',
    defaultText: '127.0.0.1:15001, and [::1]:15001',
    advanced: true,
  }),
  inboundListen: setting(listenAddress.default({ host: '::', port: 15_006 }), {
    description: 'with --transparent: where the rules redirect incoming plaintext to',
    placeholder: 'HOST:PORT',
    defaultText: '[::]:15006',
    advanced: true,
  }),
  certificateLifetime: setting(durationSeconds({ min: 10, max: 604_800 }).optional(), {
    description: 'certificate lifetime to request; the control plane may grant less',
    placeholder: 'TIME',
    defaultText: "the control plane's",
    advanced: true,
  }),
  drainTimeout: setting(durationSeconds({ min: 0, max: MAX_DRAIN_SECONDS }).default(30), {
    description: 'how long open connections may continue after SIGTERM',
    placeholder: 'TIME',
    formerly: 'drainSeconds',
  }),
  workers: setting(integer({ min: 1, max: MAX_WORKERS }).default(1), {
    description: 'processes that share the connections, one for each core to use',
    placeholder: 'COUNT',
    advanced: true,
  }),
  accessLog: switchSetting({
    description: 'log a line for each connection when it has ended',
  }),
  forwardClientCert: listSetting(port, {
    description:
      'an exposed port whose application is told who calls, in X-Forwarded-Client-Cert of each HTTP request',
    placeholder: 'PORT',
  }),
  httpMetrics: setting(choice(['on', 'off']).default('on'), {
    description: 'whether HTTP and gRPC in connections are recognised, and their requests counted',
    placeholder: 'MODE',
  }),
  opaquePort: listSetting(port, {
    description: 'a port, called or served, whose connections are not looked at for requests',
    placeholder: 'PORT',
  }),
  plaintextIo: setting(choice(['auto', 'documented']).default('auto'), {
    description:
      'how plaintext is read and written: auto, or documented to use no internals of Node.js',
    placeholder: 'MODE',
    advanced: true,
  }),
  tracingEndpoint: setting(httpUrl.optional(), {
    description:
      'collector for spans of requests, which takes OTLP over HTTP, as in http://127.0.0.1:4318',
    placeholder: 'URL',
  }),
  tracingPercent: setting(percent.default(1), {
    description: 'traces that begin here and are recorded, in percent, as in 0.1',
    placeholder: 'NUMBER',
  }),
  logLevel: setting(choice(LOG_LEVELS).default('info'), {
    description: `one of ${LOG_LEVELS.join(', ')}`,
    placeholder: 'LEVEL',
  }),
} satisfies SettingsTable;

/**
 * Refuses settings that contradict each other, and ones that would have no effect: who asks for
 * `mesh-only` and gets a sidecar that captures nothing would seem to be safe.
 *
 * @throws ConfigError `setting-invalid`
 */
export function checkProxyConfig(config: ProxyConfig): void {
  const ports = config.expose.map((exposed) => exposed.port);
  const twice = ports.find((exposed, index) => ports.indexOf(exposed) !== index);
  if (twice !== undefined) {
    throw new ConfigError('setting-invalid', `--expose: the port ${twice} is exposed twice`, {
      hint: 'give each port one address of the application',
    });
  }
  checkForwarding(config);
  if (config.transparent) {
    // Peers know members by address: one that they know by another port only would be called in plaintext.
    const { advertise, hboneListen } = config;
    if (advertise?.port === undefined || advertise.port === hboneListen.port) return;
    const sentence = `--advertise: port ${advertise.port} is not ${hboneListen.port}, on which --hbone-listen is, and --transparent needs them to be the same`;
    throw new ConfigError('setting-invalid', sentence, {
      hint: 'leave the port of --advertise out, or set both to one port',
    });
  }
  const idle = [
    config.outbound === 'mesh-only' ? 'outbound' : undefined,
    config.inbound === 'permissive' ? 'inbound' : undefined,
    config.ingress.length > 0 ? 'ingress' : undefined,
    config.clientAddress === 'preserve' ? 'clientAddress' : undefined,
    config.excludePort.length > 0 ? 'excludePort' : undefined,
  ].find((key) => key !== undefined);
  if (idle === undefined) return;
  const sentence = `${flagName(idle)} has an effect only with --transparent`;
  throw new ConfigError('setting-invalid', sentence, {
    hint: 'add --transparent, or leave it out',
  });
}

/** An application that is told who calls must hear it of every caller, and of no other than its sidecar. */
function checkForwarding(options: ProxyConfig) {
  const { forwardClientCert, ingress, transparent, expose: exposed } = options;
  const open = forwardClientCert.find((one) => ingress.includes(one));
  if (open !== undefined) {
    const sentence = `--forward-client-cert: port ${open} accepts plaintext by --ingress, whose clients could say to be any caller`;
    throw new ConfigError('setting-invalid', sentence, {
      hint: 'leave the port out of one of them',
    });
  }
  const unknown = forwardClientCert.find((one) => exposed.every(({ port: own }) => own !== one));
  if (transparent || unknown === undefined) return;
  const sentence = `--forward-client-cert: port ${unknown} is not exposed`;
  throw new ConfigError('setting-invalid', sentence, { hint: `add --expose ${unknown}` });
}

/** The resolved settings of a sidecar. */
export type ProxyConfig = SettingsOf<typeof PROXY_SETTINGS> & {
  /** Of a gateway, which is the only one to log requests. */
  readonly accessLogFormat?: 'json' | 'clf';
};

/** What `--allow` says; a service without a namespace is of the sidecar's own. */
export function localAllowances({
  allow: allowed,
  namespace: own,
}: Pick<ProxyConfig, 'allow' | 'namespace'>): readonly LocalAllowance[] {
  return allowed.map(({ port: at, service, namespace = own }) => ({
    port: at,
    namespace,
    service,
  }));
}
