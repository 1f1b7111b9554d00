import type { Identity } from '../../common/authorization/decide.ts';
import { enforcersAt } from '../../common/authorization/enforcers-at.ts';
import { type Reachability, whoCanReach } from '../../common/authorization/who-can-reach.ts';
import { ConfigError } from '../../common/config/config-error.ts';
import { listenForInterrupt } from '../../common/process/interrupt.ts';
import type { MeshConfig } from '../../common/mesh-config/mesh-config.ts';
import { readStoredMeshConfig } from '../../common/mesh-config/read-mesh-config.ts';
import { spiffeId } from '../../common/pki/spiffe-id.ts';
import type { Route, ServicePort } from '../../common/routes/route.ts';
import { pairEdges } from '../../common/wire/traffic/edge-pairs.ts';
import type { AdminClient, WorkloadInfo } from '../admin/client.ts';
import { fitTable, widthOf } from '../output/fit-table.ts';
import { formatTable } from '../output/table.ts';
import { detailTables } from '../status/detail-tables.ts';
import { selectSidecars } from '../status/select-sidecars.ts';
import { sidecarDocument } from '../status/sidecar-document.ts';
import { instanceTable } from '../status/sidecar-table.ts';
import { collectTraffic, missingSentences } from '../traffic/collect.ts';
import { edgeDocument, EDGE_COLUMNS, edgeRows, type EdgeRow } from '../traffic/edge-report.ts';
import { adminCommand, type AdminContext } from '../admin/admin-command.ts';
import {
  knownIdentities,
  reachabilityDocument,
  reachabilityRows,
  restSentence,
} from './authz/reachability.ts';
import { formatIdentity, identityOf, NAMESPACE, readName } from '../names/name-arguments.ts';
import { routeDocument, routeTable } from './routes/report.ts';
import { WINDOW } from './traffic/settings.ts';
import { neverSeen, seenIdentities } from '../names/unseen-names.ts';

const { from, to, secured, open, total, requests, success, failures, p99 } = EDGE_COLUMNS;
const EDGES = [from, to, secured, open, total, requests, success, failures, p99];

const ACCESS_HEADER = ['PORT', 'CALLER', 'KNOWN', 'WHY'];

/** `hauberk describe SERVICE[.NAMESPACE]` */
export const run = adminCommand(
  {
    name: 'hauberk describe',
    summary:
      'Describes a service: where it runs, with addresses, versions and the remaining life of certificates; who may reach each of its ports, and why; who calls it now, and whom it calls; its routes.',
    settings: { namespace: NAMESPACE, window: WINDOW },
    operands: [{ name: 'SERVICE[.NAMESPACE]', description: 'the service' }],
    examples: [{ purpose: 'a service of the namespace shop', line: 'hauberk describe api.shop' }],
  },
  async (client, { namespace, window: windowSeconds, json }, context) => {
    const identity = await readService(client, context.operands[0] ?? '', namespace);
    const { version, document } = await client.getMeshConfig();
    const config = readStoredMeshConfig(document, 'mesh.yaml');
    const workloads = await client.listWorkloads();
    using interrupt = listenForInterrupt();
    const sidecars = selectSidecars(workloads, {
      services: [identity],
      namespace: undefined,
      sort: 'service',
    });
    const traffic = sidecars.some(({ connected }) => connected)
      ? await watchService(client, { identity, windowSeconds }, interrupt.signal)
      : NOTHING;
    if (traffic === undefined) return '';
    context.stderr.write(traffic.missing);
    const described: DescribedService = {
      identity,
      version,
      sidecars,
      workloads,
      traffic,
      routes: routesAbout(config, identity),
      access: accessTo(identity, { config, workloads, edges: traffic.calledBy }),
    };
    const nowMs = context.clock.epochMs();
    return json ? serviceDocument(described, nowMs) : serviceText(described, nowMs, context);
  },
);

/** Which service is meant, which the mesh has seen. */
async function readService(
  client: AdminClient,
  operand: string,
  namespace: string,
): Promise<Identity> {
  const typed = readName(operand);
  if (typed === undefined || typed.trustDomain !== undefined) {
    const sentence = `expected SERVICE[.NAMESPACE], got ${JSON.stringify(operand)}`;
    throw new ConfigError('value-malformed', sentence, { hint: 'as in api.shop' });
  }
  const identity = identityOf(typed, { trustDomain: client.trustDomain, namespace });
  const unseen = neverSeen(identity, await seenIdentities(client));
  if (unseen === undefined) return identity;
  const hint = unseen.hint ?? 'see `hauberk status`';
  throw new ConfigError('value-malformed', unseen.sentence, { hint });
}

/** What passed a service in a window of time, by its own sidecars. */
interface ServiceTraffic {
  readonly calledBy: readonly EdgeRow[];
  readonly calls: readonly EdgeRow[];
  readonly seconds: number;
  /** Sentences about figures that are missing. */
  readonly missing: string;
}

/** Of a service without a sidecar that could tell. */
const NOTHING: ServiceTraffic = { calledBy: [], calls: [], seconds: 0, missing: '' };

async function watchService(
  client: AdminClient,
  { identity, windowSeconds }: { readonly identity: Identity; readonly windowSeconds: number },
  signal: AbortSignal,
): Promise<ServiceTraffic | undefined> {
  const collected = await collectTraffic(client, { services: [identity], windowSeconds }, signal);
  if (collected === undefined) return undefined;
  const { edges, seconds, newest } = collected;
  const rows = edgeRows(pairEdges(edges), seconds, client.trustDomain).toSorted(
    (a, b) => a.from.localeCompare(b.from) || a.to.localeCompare(b.to),
  );
  const { uri } = spiffeId(identity);
  return {
    calledBy: rows.filter(({ edge }) => edge.to === uri),
    calls: rows.filter(({ edge }) => edge.from === uri),
    seconds,
    missing: missingSentences(newest),
  };
}

interface PortAccess {
  readonly port: number;
  readonly reachability: Reachability;
}

interface DescribedService {
  readonly identity: Identity;
  /** Of the mesh configuration. */
  readonly version: number;
  readonly sidecars: readonly WorkloadInfo[];
  /** All of the mesh. */
  readonly workloads: readonly WorkloadInfo[];
  readonly traffic: ServiceTraffic;
  readonly routes: readonly Route[];
  readonly access: readonly PortAccess[];
}

/** The routes that take its requests, or send it some. */
function routesAbout({ routes }: MeshConfig, identity: Identity): readonly Route[] {
  const isIt = (one: Pick<ServicePort, 'namespace' | 'service'>): boolean =>
    one.namespace === identity.namespace && one.service === identity.service;
  return routes.routes.filter(
    ({ parents, rules }) => parents.some(isIt) || rules.some(({ backends }) => backends.some(isIt)),
  );
}

/** Who may reach each port that a sidecar of the service exposes; of one that exposes any, those that are called. */
function accessTo(
  destination: Identity,
  {
    config,
    workloads,
    edges,
  }: {
    readonly config: MeshConfig;
    readonly workloads: readonly WorkloadInfo[];
    readonly edges: readonly EdgeRow[];
  },
): readonly PortAccess[] {
  const exposed = workloads
    .filter(
      ({ namespace, service }) =>
        namespace === destination.namespace && service === destination.service,
    )
    .flatMap(({ ports }) => ports);
  const ports = new Set([...exposed, ...edges.map(({ edge }) => edge.port)]);
  const known = knownIdentities(workloads, destination.trustDomain);
  return [...ports]
    .filter((port) => enforcersAt(workloads, destination, port).length > 0)
    .toSorted((a, b) => a - b)
    .map((port) => ({
      port,
      reachability: whoCanReach(
        config.authorization,
        { destination, port },
        { known, enforcers: enforcersAt(workloads, destination, port) },
      ),
    }));
}

function serviceText(
  { identity, version, sidecars, workloads, traffic, routes, access }: DescribedService,
  nowMs: number,
  { stdout }: Pick<AdminContext, 'stdout'>,
): string {
  const { trustDomain } = identity;
  const name = formatIdentity(identity, trustDomain);
  const width = widthOf(stdout);
  const known = knownIdentities(workloads, trustDomain);
  const callers = access.flatMap(({ port, reachability }) =>
    reachabilityRows(reachability, { known, trustDomain }).map(
      ([caller = '', isKnown = '', why = '']) => [port, caller, isKnown, why],
    ),
  );
  const connected = sidecars.filter((one) => one.connected).length;
  const rests = access.map(
    ({ port, reachability }) => `${restSentence(reachability, `${name}:${port}`)}\n`,
  );
  const within = `in ${Math.round(traffic.seconds)} s`;
  const edges = (rows: readonly EdgeRow[]): string => fitTable(EDGES, rows, width);
  const endpoints = (place: ServicePort): number =>
    enforcersAt(workloads, place, place.port).length;
  return [
    `${name}: ${sidecars.length === 1 ? '1 sidecar' : `${sidecars.length} sidecars`}, ${connected} connected\n`,
    sidecars.length === 0 ? '' : instanceTable(sidecars, nowMs, width),
    detailTables(sidecars),
    '\n',
    access.length === 0
      ? 'who may reach it: no caller, as no sidecar exposes a port\n'
      : `who may reach it, by version ${version} of the mesh configuration\n`,
    callers.length === 0 ? '' : formatTable(ACCESS_HEADER, callers),
    ...rests,
    traffic.calledBy.length === 0
      ? '\nno call has come since its sidecars started\n'
      : `\nwho calls it, ${within}\n${edges(traffic.calledBy)}`,
    traffic.calls.length === 0 ? '' : `\nwhom it calls, ${within}\n${edges(traffic.calls)}`,
    routes.length === 0 ? '' : `\nroutes\n${routeTable(routes, endpoints)}`,
  ].join('');
}

/** What `--json` prints; docs/json-output.md describes it. */
function serviceDocument(
  { identity, version, sidecars, workloads, traffic, routes, access }: DescribedService,
  nowMs: number,
): object {
  const { trustDomain, namespace, service } = identity;
  const known = knownIdentities(workloads, trustDomain);
  const endpoints = (place: ServicePort): number =>
    enforcersAt(workloads, place, place.port).length;
  return {
    namespace,
    service,
    version,
    sidecars: sidecars.map((one) => sidecarDocument(one, nowMs)),
    access: access.map(({ port, reachability }) => ({
      port,
      ...reachabilityDocument(reachability, { known, trustDomain }),
    })),
    calledBy: traffic.calledBy.map(edgeDocument),
    calls: traffic.calls.map(edgeDocument),
    seconds: traffic.seconds,
    routes: routes.map((route) => routeDocument(route, endpoints)),
  };
}
