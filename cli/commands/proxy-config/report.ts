import { formatHostPort } from '../../../common/network/listen.ts';
import { readPolicy } from '../../../common/wire/policy.ts';
import { serviceOf } from '../../../common/wire/traffic/tap-filter.ts';
import type {
  Endpoint,
  PolicyRule,
  SidecarState,
} from '../../../proto/gen/hauberk/v1/discovery.ts';
import { formatMoment, formatSpan, toTimestamp } from '../../output/relative-time.ts';
import { formatTable } from '../../output/table.ts';
import { shortName } from '../../names/short-name.ts';
import { routeTable } from '../routes/report.ts';

/** Parts of what a sidecar believes, in the order in which they are shown. */
export const SECTIONS = [
  'certificate',
  'view',
  'listeners',
  'endpoints',
  'tunnels',
  'policy',
  'routes',
  'limits',
] as const;

/** One of them. */
export type Section = (typeof SECTIONS)[number];

interface Shown {
  readonly nowMs: number;
  readonly trustDomain: string;
}

/** Parts of a state as tables, each under its name. */
export function stateText(state: SidecarState, sections: readonly Section[], shown: Shown): string {
  const parts = SECTIONS.filter((section) => sections.includes(section)).map(
    (section) => `${section}\n${TEXT_OF[section](state, shown)}`,
  );
  return [...parts, omittedText(state)].filter((part) => part !== '').join('\n');
}

const TEXT_OF: Readonly<Record<Section, (state: SidecarState, shown: Shown) => string>> = {
  certificate: certificateText,
  view: viewText,
  listeners: listenersText,
  endpoints: endpointsText,
  tunnels: tunnelsText,
  policy: policyText,
  routes: routesText,
  limits: limitsText,
};

function certificateText({ certificate }: SidecarState, { nowMs }: Shown): string {
  if (certificate === undefined) return 'the sidecar does not tell\n';
  const { spiffeId, serial, notAfterMs, remainingMs, bundleVersion, roots } = certificate;
  const header = ['IDENTITY', 'SERIAL', 'EXPIRES', 'TIME LEFT', 'BUNDLE', 'REVOCATIONS'];
  const row = [
    spiffeId,
    serial,
    toTimestamp(notAfterMs),
    remainingMs > 0 ? formatSpan(remainingMs) : 'expired',
    bundleVersion,
    certificate.revocations,
  ];
  const trusted = roots.map((root) => [
    root.trustDomain,
    root.digest,
    formatMoment(root.notAfterMs, nowMs),
  ]);
  return formatTable(header, [row]) + formatTable(['TRUSTS', 'ROOT', 'EXPIRES'], trusted);
}

function viewText(state: SidecarState): string {
  const { view } = state;
  if (view === undefined) return 'the sidecar does not tell\n';
  const { version, endpoints, everything, services, namespaces, addresses } = view;
  const follows = [
    ...services.map(({ service, namespace }) => `${service}.${namespace}`),
    ...namespaces.map((namespace) => `*.${namespace}`),
    ...addresses,
  ];
  const followed = everything ? 'the whole mesh' : follows.join(' ');
  const header = ['SOFTWARE', 'WORKERS', 'RUNNING', 'VIEW', 'ENDPOINTS', 'FOLLOWS'];
  const { softwareVersion, workers, runningMs } = state;
  const row = [softwareVersion, workers, formatSpan(runningMs), version, endpoints, followed];
  return formatTable(header, [row]);
}

function listenersText({ listeners, exposed, anyPort, allow }: SidecarState): string {
  const rows = listeners.map(({ kind, address, port, target }) => [
    kind,
    formatHostPort(address, port),
    target,
  ]);
  const ports = exposed.map(({ port, target }) => [
    port,
    target,
    allow
      .filter((one) => one.port === port)
      .map(({ service, namespace }) => `${service}.${namespace}`)
      .join(' '),
  ]);
  return [
    formatTable(['LISTENER', 'ADDRESS', 'LEADS TO'], rows),
    ports.length === 0 ? '' : formatTable(['EXPOSED', 'APPLICATION', 'ALLOWED ALONE'], ports),
    anyPort ? 'peers may reach every port of its addresses\n' : '',
  ].join('');
}

function endpointsText({ endpoints }: SidecarState, { trustDomain }: Shown): string {
  if (endpoints.length === 0) return 'none\n';
  const rows = endpoints.map((one) => [
    shortName(one.spiffeId, trustDomain),
    one.instanceId,
    placesOf(one).join(' '),
    one.anyPort ? 'any' : one.ports.join(' '),
    one.contests.map(({ address, holder }) => `${address} is of ${holder}`).join(', '),
  ]);
  return formatTable(['SERVICE', 'INSTANCE', 'DIALLED AT', 'PORTS', 'CONFLICTS'], rows);
}

/** Where it is dialled; an address that nothing has proven is a claim. */
function placesOf({ addresses, allAddresses, contests, hbonePort }: Endpoint): string[] {
  const proven = new Set([...addresses, ...contests.map(({ address }) => address)]);
  const all = allAddresses.length === 0 ? addresses : allAddresses;
  return all.map((address) => {
    const place = formatHostPort(address, hbonePort);
    return proven.has(address) ? place : `${place} (claimed)`;
  });
}

function tunnelsText({ tunnels }: SidecarState, { nowMs, trustDomain }: Shown): string {
  if (tunnels.length === 0) return 'none\n';
  const rows = tunnels.map((one) => [
    one.inbound ? 'from' : 'to',
    shortName(one.peer, trustDomain),
    one.address,
    one.streams,
    formatMoment(one.peerNotAfterMs, nowMs),
    one.accepting ? 'open' : 'drains',
  ]);
  const header = ['DIRECTION', 'PEER', 'ADDRESS', 'STREAMS', 'CERTIFICATE OF PEER', 'STATE'];
  return formatTable(header, rows);
}

function policyText({ policy }: SidecarState): string {
  if (policy === undefined) return 'none: the sidecar refuses every caller\n';
  const { configVersion, fallback, rules, egress } = policy;
  const otherwise =
    fallback === 'mesh' ? 'any workload of the mesh may come in' : 'no other may come in';
  const rows = rules.map((rule) => [
    rule.name,
    rule.audit ? `${rule.action} (audit)` : rule.action,
    rule.from.join(' '),
    rule.to.join(' '),
    rule.ports.length === 0 ? 'any' : rule.ports.join(' '),
    requestsOf(rule),
  ]);
  const allowances = egress?.allowances.map(({ from, to }) => [from.join(' '), to.join(' ')]) ?? [];
  return [
    `version ${configVersion} of the mesh configuration; where no rule decides, ${otherwise}\n`,
    rows.length === 0
      ? ''
      : formatTable(['RULE', 'ACTION', 'FROM', 'TO', 'PORTS', 'REQUESTS'], rows),
    egress?.listed === true ? formatTable(['MAY CALL OUTSIDE', 'PLACES'], allowances) : '',
  ].join('');
}

function requestsOf({ methods, paths, grpcServices }: PolicyRule): string {
  const all = [...methods, ...paths.map(({ value }) => value), ...grpcServices];
  return all.length === 0 ? 'any' : all.join(' ');
}

function routesText({ policy, endpoints }: SidecarState): string {
  const routes = policy === undefined ? [] : readPolicy(policy).routes.routes;
  if (routes.length === 0) return 'none: services are carried as bytes\n';
  return routeTable(routes, ({ namespace, service, port }) => {
    const serves = ({ spiffeId, anyPort, ports }: Endpoint): boolean => {
      const id = serviceOf(spiffeId);
      const isIt = id?.namespace === namespace && id.service === service;
      return isIt && (anyPort || ports.includes(port));
    };
    return endpoints.filter(serves).length;
  });
}

function limitsText({ limits }: SidecarState): string {
  const rows = limits.map(({ name, used, capacity }) => [
    name,
    used,
    capacity,
    capacity === 0 ? '' : `${Math.round((used / capacity) * 100)}%`,
  ]);
  return formatTable(['LIMIT', 'USED', 'OF', 'SHARE'], rows);
}

function omittedText({ omitted }: SidecarState): string {
  return omitted
    .map(({ part, count }) => `${count} more of ${part} had no room in the answer\n`)
    .join('');
}

/** Parts of a state as `--json` prints them; docs/json-output.md describes it. */
export function stateDocument(state: SidecarState, sections: readonly Section[]): object {
  const { certificate, view, policy } = state;
  const parts: Readonly<Record<Section, object>> = {
    certificate: {
      certificate: certificate && {
        ...certificate,
        notBeforeMs: undefined,
        notAfterMs: undefined,
        remainingMs: undefined,
        notBefore: toTimestamp(certificate.notBeforeMs),
        notAfter: toTimestamp(certificate.notAfterMs),
        secondsLeft: Math.floor(certificate.remainingMs / 1_000),
        roots: certificate.roots.map(({ trustDomain, digest, notAfterMs }) => ({
          trustDomain,
          digest,
          notAfter: toTimestamp(notAfterMs),
        })),
      },
    },
    view: { view },
    listeners: {
      listeners: state.listeners,
      exposed: state.exposed,
      exposesAnyPort: state.anyPort,
      allow: state.allow.map(({ port, service, namespace }) => ({
        port,
        caller: `${service}.${namespace}`,
      })),
    },
    endpoints: {
      endpoints: state.endpoints.map((one) => ({
        instance: one.instanceId,
        spiffeId: one.spiffeId,
        addresses: one.allAddresses.length === 0 ? one.addresses : one.allAddresses,
        provenAddresses: one.addresses,
        conflicts: one.contests,
        port: one.hbonePort,
        exposedPorts: one.ports,
        exposesAnyPort: one.anyPort,
      })),
    },
    tunnels: {
      tunnels: state.tunnels.map(({ inbound, peerNotAfterMs, ...one }) => ({
        direction: inbound ? 'inbound' : 'outbound',
        ...one,
        peerNotAfter: toTimestamp(peerNotAfterMs),
      })),
    },
    policy: { policy: policy === undefined ? null : { ...policy, routes: undefined } },
    routes: { routes: policy?.routes?.routes ?? [], backends: policy?.routes?.backends ?? [] },
    limits: { limits: state.limits },
  };
  return {
    at: toTimestamp(state.atMs),
    version: state.softwareVersion,
    runningSeconds: Math.floor(state.runningMs / 1_000),
    workers: state.workers,
    ...Object.fromEntries(sections.flatMap((section) => Object.entries(parts[section]))),
    omitted: state.omitted,
  };
}
