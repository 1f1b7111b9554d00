import { X509Certificate } from 'node:crypto';
import type { Logger } from 'pino';
import type { Clock } from '../../../common/clock.ts';
import { ConfigError } from '../../../common/config/config-error.ts';
import type { HostPort } from '../../../common/config/address.ts';
import type { Guard } from '../../../common/guard.ts';
import { isLoopbackHost } from '../../../common/network/ip-address.ts';
import { adminId } from '../../../common/pki/spiffe-id.ts';
import type { Closeable } from '../../../common/lifecycle.ts';
import { formatHostPort, ListenError } from '../../../common/network/listen.ts';
import { LINK_LIFETIME_MS, SignInLinks } from '../../dashboard/access/sign-in-links.ts';
import { type Session, type SessionGrant, Sessions } from '../../dashboard/access/sessions.ts';
import {
  type DashboardCredential,
  startDashboardServer,
} from '../../dashboard/dashboard-server.ts';
import type { EventLog } from '../../dashboard/events/event-log.ts';
import type { OperatorActions } from '../../dashboard/operator-actions.ts';
import type { ControlPlanes } from '../../leader/control-planes.ts';
import type { ControlPlaneMetrics } from '../../metrics.ts';
import type { OperatorUses } from '../../operators/operator-uses.ts';
import type { MeshConfigStore } from '../../policy/mesh-config-store.ts';
import { createPrometheusHistory } from '../../prometheus/history.ts';
import type { MeshView } from '../../registry/mesh-view.ts';
import type { TrafficSource } from '../../traffic/traffic.ts';
import {
  credentialFiles,
  type FileCredential,
  followCredential,
  readCredential,
  tryCredential,
} from './credential-files.ts';
import { prometheusEndpoint, type PrometheusSettings } from './prometheus-endpoint.ts';

/** Where the dashboard is to be served, and with what. */
export interface DashboardSettings extends PrometheusSettings {
  /** `off`, or absent: nowhere. */
  readonly dashboardListen?: HostPort | 'off' | undefined;
  readonly dashboardCert?: string | undefined;
  readonly dashboardKey?: string | undefined;
}

/** A link to sign in with. */
export interface DashboardLink {
  readonly address: string;
  readonly tls: boolean;
  /** With the code in its fragment, which browsers send to no server and into no log. */
  readonly path: string;
  readonly validSeconds: number;
}

/** Makes links; undefined where no dashboard is served, with the reason. */
export interface DashboardSignIn {
  createLink(grant: SessionGrant): DashboardLink | { readonly notServed: string };
}

interface Place {
  readonly address: string;
  readonly tls: boolean;
}

/** The same, which is told where the dashboard is. */
export interface OpenableSignIn extends DashboardSignIn {
  readonly links: SignInLinks;
  opened(place: Place): void;
  shut(why: string): void;
}

/** Made before what serves operators' calls, which make links; told later where the dashboard is served. */
export function createDashboardSignIn(clock: Clock): OpenableSignIn {
  const links = new SignInLinks(clock);
  let place: Place | undefined;
  let why = 'the control plane is just starting';
  return {
    links,
    createLink(grant) {
      if (place === undefined) return { notServed: why };
      const path = `/sign-in#${links.create(grant)}`;
      return { ...place, path, validSeconds: LINK_LIFETIME_MS / 1000 };
    },
    opened: (given) => void (place = given),
    shut(reason) {
      place = undefined;
      why = reason;
    },
  };
}

/** What serving the dashboard takes. */
export interface ServeDashboardOptions {
  readonly settings: DashboardSettings;
  readonly signIn: OpenableSignIn;
  readonly actions: OperatorActions;
  readonly traffic: TrafficSource;
  readonly events: Pick<EventLog, 'answer'>;
  readonly trustDomain: string;
  readonly configs: Pick<MeshConfigStore, 'current'>;
  readonly view: Pick<MeshView, 'revocations'>;
  readonly operatorUses: Pick<OperatorUses, 'used'>;
  readonly controlPlanes: Pick<ControlPlanes, 'count'>;
  readonly limits: { operator(spiffeId: string): void };
  readonly clock: Clock;
  readonly logger: Logger;
  readonly guard: Guard;
  readonly metrics: ControlPlaneMetrics;
}

/** The dashboard, when it is served. */
export interface ServedDashboard extends Closeable {
  /** Undefined when it is not served. */
  readonly port: number | undefined;
  close(): Promise<void>;
}

/**
 * Serves the dashboard: on loopback, or beyond with the certificate of the files, which are read again when they
 * change. A port that is taken is told of, and keeps no mesh from having certificates: several control planes may be
 * on one host.
 *
 * @throws ConfigError for a place beyond loopback without a certificate, and for one that cannot be used
 */
export async function serveDashboard(options: ServeDashboardOptions): Promise<ServedDashboard> {
  const { settings, signIn, clock, logger, trustDomain, actions, configs } = options;
  const { dashboardListen: listen = 'off', dashboardCert, dashboardKey } = settings;
  const prometheus = prometheusEndpoint(settings);
  const files = credentialFiles('dashboard', dashboardCert, dashboardKey);
  const nowhere = { port: undefined, close: () => Promise.resolve() };
  if (listen === 'off') {
    signIn.shut('it was started with --dashboard-listen=off');
    return nowhere;
  }
  if (files === undefined && !isLoopbackHost(listen.host)) throw withoutCertificate(listen);
  const first = files && readCredential(files);
  if (first !== undefined && files !== undefined) await tryCredential(first, files);
  const credential = first && toCredential(first);
  const { uri: operator } = adminId(trustDomain);
  const serving = {
    ...options,
    ...listen,
    credential,
    links: signIn.links,
    sessions: new Sessions({
      clock,
      isOver: (certificate) =>
        certificate.validToDate.getTime() <= clock.epochMs() ||
        options.view.revocations().find(operator, certificate) !== undefined,
    }),
    context: {
      actions,
      clock,
      trustDomain,
      config: () => configs.current().config,
      traffic: options.traffic,
      prometheus:
        prometheus === undefined
          ? undefined
          : createPrometheusHistory({ endpoint: prometheus, trustDomain, clock }),
      isAlone: () => options.controlPlanes.count === 1,
    },
    used: ({ serial }: Session, at: { readonly address: string; readonly call: string }) =>
      options.operatorUses.used(serial, at),
    limit: () => options.limits.operator(operator),
  };
  try {
    const server = await startDashboardServer(serving);
    const following =
      files &&
      followCredential(files, first, {
        clock,
        logger,
        refusedAs: 'dashboard-certificate-refused',
        take: (next) => server.reload(toCredential(next)),
      });
    signIn.opened({ address: formatHostPort(listen.host, server.port), tls: files !== undefined });
    return {
      port: server.port,
      async close() {
        await following?.close();
        await server.close();
      },
    };
  } catch (error) {
    if (!(error instanceof ListenError)) throw error;
    const sentence = `the dashboard is not served: ${error.message}`;
    const hint = 'choose another place with --dashboard-listen, or off';
    logger.warn({ event: 'dashboard-not-served', err: error }, `${sentence}; ${hint}`);
    signIn.shut(error.message);
    return nowhere;
  }
}

function withoutCertificate({ host, port }: HostPort): ConfigError {
  const sentence = `--dashboard-listen ${formatHostPort(host, port)} is reached from other hosts, and needs TLS`;
  const hint =
    'give --dashboard-cert and --dashboard-key, of an authority that browsers trust, or listen on 127.0.0.1';
  return new ConfigError('setting-missing', sentence, { hint });
}

/** Browsers may call the names that the certificate was issued for. */
function toCredential(tls: FileCredential): DashboardCredential {
  const { subjectAltName = '' } = new X509Certificate(tls.cert);
  const names = subjectAltName.split(', ').flatMap((entry) => {
    const [, name] = /^DNS:([\w.*-]+)$/.exec(entry) ?? [];
    return name === undefined ? [] : [name];
  });
  return { tls, names };
}
