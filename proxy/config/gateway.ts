import { setting, type SettingsOf, type SettingsTable } from '../../common/config/settings.ts';
import { choice, filePath } from '../../common/config/values.ts';
import { PROXY_SETTINGS, type ProxyConfig } from './sidecar.ts';

const {
  service,
  namespace,
  trustDomain,
  controlPlane,
  tokenFile,
  token,
  stateDir,
  egress,
  metricsListen,
  certificateLifetime,
  drainTimeout,
  workers,
  accessLog,
  plaintextIo,
  tracingEndpoint,
  tracingPercent,
  logLevel,
} = PROXY_SETTINGS;

/** Everything that `hauberk gateway` can be told besides its listeners, which the file has. */
export const GATEWAY_SETTINGS = {
  config: setting(filePath, {
    description: 'YAML file with the listeners and any of the other settings',
    placeholder: 'FILE',
  }),
  service: { ...service, description: 'name of the gateway as a service of the mesh' },
  namespace: {
    ...namespace,
    description: 'namespace of the gateway, and of services whose names have none',
  },
  trustDomain,
  controlPlane,
  tokenFile,
  token,
  stateDir,
  egress,
  metricsListen,
  certificateLifetime,
  drainTimeout,
  workers,
  accessLog: {
    ...accessLog,
    description: 'log a line for each request and each connection when it has ended',
  },
  accessLogFormat: setting(choice(['json', 'clf']).default('json'), {
    description: 'how requests are logged: json, or clf (Common Log Format)',
    placeholder: 'FORMAT',
    advanced: true,
  }),
  plaintextIo,
  tracingEndpoint,
  tracingPercent,
  logLevel,
} satisfies SettingsTable;

/** The resolved settings of a gateway. */
export type GatewayConfig = SettingsOf<typeof GATEWAY_SETTINGS>;

/** A gateway as a member of the mesh: a sidecar without an application, so all else is at its default. */
export function memberConfig({ config: _file, ...given }: GatewayConfig): ProxyConfig {
  const settings: SettingsTable = PROXY_SETTINGS;
  const rest = Object.entries(settings).filter(([key]) => !(key in given));
  const defaults = Object.fromEntries(rest.map(([key, { type }]) => [key, type.parse(undefined)]));
  return { ...(defaults as Omit<ProxyConfig, keyof typeof given>), ...given };
}
