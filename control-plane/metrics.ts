import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** Everything that the control plane counts; names and labels are public API. */
export interface ControlPlaneMetrics {
  /** By proof: `token`, `renewal`. */
  readonly certificatesIssued: Counter<'proof'>;
  /** By reason, as in the `hauberk-reason` trailer. */
  readonly issueRefused: Counter<'reason'>;
  readonly issueSeconds: Histogram;
  readonly pushSeconds: Histogram;
  readonly questions: Counter;
  /** Refused calls of Discovery and Admin, by reason. */
  readonly callsRefused: Counter<'service' | 'reason'>;
  /** Sync streams that were told to come again, because too many came at once. */
  readonly streamsDelayed: Counter;
  /** Connections that did not get as far as HTTP/2, by reason. */
  readonly handshakesRefused: Counter<'reason'>;
  /** Dials to addresses that sidecars claim: `found`, `not-found`, `not-dialled`. */
  readonly addressDials: Counter<'outcome'>;
  /** Connections that broke the rules of HTTP/2, by reason. */
  readonly connectionsFailed: Counter<'reason'>;
  /** Connections to the bundle endpoint, by reason. */
  readonly bundleConnectionsRefused: Counter<'reason'>;
  /** Connections to the dashboard, by reason. */
  readonly dashboardConnectionsRefused: Counter<'reason'>;
  /** Requests to the dashboard, by reason. */
  readonly dashboardRefused: Counter<'reason'>;
  readonly logLines: Counter<'level'>;
  /** Followed files that could not be used, by what they are for. */
  readonly reloadsRefused: Counter<'file'>;
  /** Of the last check of the issuance log. */
  readonly issuanceLogFindings: Gauge;
}

/** Numbers that are looked up at a scrape. */
export const CONTROL_PLANE_GAUGES = {
  hauberk_sidecars_connected: 'Sync streams that are open.',
  hauberk_sync_streams_of_everything:
    'Sync streams that are told of every endpoint, as those of older sidecars are.',
  hauberk_sync_scopes: 'Services, namespaces and addresses of which at least one sidecar is told.',
  hauberk_grpc_connections_open: 'Connections that have finished the TLS handshake.',
  hauberk_endpoints_damped: 'Endpoints that change often, whose changes are sent to peers later.',
  hauberk_view_version: 'Version of the mesh that is sent to sidecars.',
  hauberk_addresses_unproven: 'Addresses that endpoints claim without proof.',
  hauberk_address_conflicts:
    'Addresses and ports that an endpoint claims and another identity held first.',
  hauberk_mesh_config_version:
    'Version of the mesh configuration that is in force; 0 when there never was one.',
  hauberk_mesh_config_valid:
    '0 while the file of --mesh-config is wrong and an earlier version is in force, otherwise 1.',
  hauberk_issuer_not_after_timestamp_seconds:
    'When the issuer that signs certificates expires, in seconds since the epoch.',
  hauberk_root_not_after_timestamp_seconds:
    'When the root of the mesh expires, in seconds since the epoch.',
  hauberk_sidecars_lost:
    'Sidecars of the whole mesh that were lost within the hour and are not back.',
  hauberk_services_lost: 'Services of which a sidecar was lost, and none is connected.',
  hauberk_root_rotation_waiting:
    'Sidecars and certificates that the rotation of the root waits for.',
} as const;

/** What is looked up at a scrape. */
export interface ControlPlaneGauges {
  readonly numbers: Readonly<Record<keyof typeof CONTROL_PLANE_GAUGES, () => number>>;
  /** How many tokens there are in each state. */
  readonly tokens: () => Promise<Readonly<Record<string, number>>>;
  /** `stable`, `prepared` or `signing`. */
  readonly rotationPhase: () => string;
}

/** An issue takes under a millisecond of CPU and one sync of the disk. */
const ISSUE_BUCKETS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];

/** A push waits up to 50 ms for others, and takes 30 µs for each sidecar. */
const PUSH_BUCKETS = [0.001, 0.005, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

/** Registers what is counted as it happens. */
export function createControlPlaneMetrics(registry: Registry): ControlPlaneMetrics {
  const registers = [registry];
  const counter = <Label extends string>(
    name: string,
    help: string,
    ...labelNames: Label[]
  ): Counter<Label> => new Counter({ name, help, labelNames, registers });
  const histogram = (name: string, help: string, buckets: number[]): Histogram =>
    new Histogram({ name, help, buckets, registers });
  return {
    certificatesIssued: counter(
      'hauberk_certificates_issued_total',
      'Certificates issued to workloads and operators, by how they authenticated.',
      'proof',
    ),
    issueRefused: counter(
      'hauberk_issue_refused_total',
      'Requests for a certificate that were refused, by reason.',
      'reason',
    ),
    issueSeconds: histogram(
      'hauberk_issue_seconds',
      'Time from a request for a certificate to the answer.',
      ISSUE_BUCKETS,
    ),
    pushSeconds: histogram(
      'hauberk_push_seconds',
      'Time from a change of the mesh until it was sent to every sidecar that keeps up.',
      PUSH_BUCKETS,
    ),
    questions: counter(
      'hauberk_sync_questions_total',
      'Services, namespaces and addresses that sidecars asked about on a Sync stream that was open.',
    ),
    callsRefused: counter(
      'hauberk_calls_refused_total',
      'Sync streams and calls of operators that were refused, by reason.',
      'service',
      'reason',
    ),
    streamsDelayed: counter(
      'hauberk_sync_streams_delayed_total',
      'Sync streams that were told when to come again, because too many came at once.',
    ),
    handshakesRefused: counter(
      'hauberk_grpc_handshakes_refused_total',
      'Connections that ended before HTTP/2 began, by reason.',
      'reason',
    ),
    addressDials: counter(
      'hauberk_address_dials_total',
      'Dials that verify the addresses that sidecars claim, by outcome.',
      'outcome',
    ),
    connectionsFailed: counter(
      'hauberk_grpc_connections_failed_total',
      'Connections that were ended because of an error in HTTP/2 or below, by reason.',
      'reason',
    ),
    bundleConnectionsRefused: counter(
      'hauberk_bundle_connections_refused_total',
      'Connections to the bundle endpoint that were ended without an answer, by reason.',
      'reason',
    ),
    dashboardConnectionsRefused: counter(
      'hauberk_dashboard_connections_refused_total',
      'Connections to the dashboard that were ended without an answer, by reason.',
      'reason',
    ),
    dashboardRefused: counter(
      'hauberk_dashboard_refused_total',
      'Requests to the dashboard that were refused, by reason.',
      'reason',
    ),
    logLines: counter(
      'hauberk_log_lines_total',
      'Warnings and errors that were logged, whatever the level of the log.',
      'level',
    ),
    reloadsRefused: counter(
      'hauberk_reloads_refused_total',
      'Files that were read again and cannot be used, by what they are for.',
      'file',
    ),
    issuanceLogFindings: new Gauge({
      name: 'hauberk_issuance_log_findings',
      help: 'What the last check of the issuance log found wrong; 0 before the first check.',
      registers,
    }),
  };
}

const ROTATION_PHASES = ['stable', 'prepared', 'signing'];

/** Registers what is looked up at a scrape. */
export function registerControlPlaneGauges(
  registry: Registry,
  { numbers, tokens, rotationPhase }: ControlPlaneGauges,
): void {
  const registers = [registry];
  for (const name of Object.keys(CONTROL_PLANE_GAUGES) as (keyof typeof CONTROL_PLANE_GAUGES)[]) {
    new Gauge({
      name,
      help: CONTROL_PLANE_GAUGES[name],
      registers,
      collect() {
        this.set(numbers[name]());
      },
    });
  }
  new Gauge({
    name: 'hauberk_root_rotation_phase',
    help: '1 for the phase in which the rotation of the root is: stable (none), prepared, signing.',
    labelNames: ['phase'],
    registers,
    collect() {
      const phase = rotationPhase();
      for (const one of ROTATION_PHASES) this.set({ phase: one }, one === phase ? 1 : 0);
    },
  });
  new Gauge({
    name: 'hauberk_tokens',
    help: 'Join tokens by what they can be used for: active, used-up, expired, revoked.',
    labelNames: ['state'],
    registers,
    async collect() {
      for (const [state, count] of Object.entries(await tokens())) this.set({ state }, count);
    },
  });
}
