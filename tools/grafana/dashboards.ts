import { type Dashboard, lines, list, number, type Panel, stacked } from './dashboard.ts';

/** What failed, of requests whose response has ended: 404 is no failure of the service, nor is a call that was cancelled. */
const FAILED = 'status!~"[1-4]xx|OK|NOT_FOUND|CANCELLED"';
const RATE = '[$__rate_interval]';

/** Requests a second that services are sent. */
const REQUESTS = `sum by (service, namespace) (rate(hauberk_requests_total{direction="inbound"}${RATE}))`;

/** Quantiles of a histogram. */
function durations(title: string, metric: string, labels: string): Panel {
  const at = (quantile: number) =>
    `histogram_quantile(${quantile}, sum by (le) (rate(${metric}_bucket{${labels}}${RATE})))`;
  return lines(title, 's', [at(0.5), 'p50'], [at(0.9), 'p90'], [at(0.99), 'p99']);
}

/** What a program takes. */
function processPanels(labels: string): Panel[] {
  return [
    lines('CPU', 'short', [`rate(process_cpu_seconds_total{${labels}}${RATE})`, '{{instance}}']),
    lines('Memory', 'bytes', [`process_resident_memory_bytes{${labels}}`, '{{instance}}']),
    lines('Event loop lag, p99', 's', [
      `nodejs_eventloop_lag_p99_seconds{${labels}}`,
      '{{instance}}',
    ]),
    lines('Descriptors of connections', 'percentunit', [
      `hauberk_descriptors{${labels},state="used"} / ignoring (state) hauberk_descriptors{${labels},state="capacity"}`,
      '{{instance}}',
    ]),
  ];
}

const MESH: Dashboard = {
  name: 'mesh',
  title: 'Mesh',
  rows: [
    {
      title: 'Now',
      panels: [
        number(
          'Sidecars and gateways',
          'short',
          'count(hauberk_build_info{role!="control-plane"})',
        ),
        number('Control planes', 'short', 'count(hauberk_build_info{role="control-plane"})', {
          redBelow: 1,
        }),
        number('Cannot be scraped', 'short', 'count(up{role!=""} == 0) or vector(0)', { redAt: 1 }),
        number('Services lost', 'short', 'max(hauberk_services_lost)', { redAt: 1 }),
        number('Without a control plane', 'short', 'sum(1 - hauberk_control_plane_connected)', {
          redAt: 1,
        }),
        number(
          'Plaintext, connections a second',
          'ops',
          `sum(rate(hauberk_passthrough_connections_total${RATE}))`,
          {
            redAt: 0.001,
          },
        ),
        number(
          'First certificate to expire',
          's',
          'min(hauberk_certificate_not_after_timestamp_seconds - time())',
          { redBelow: 300 },
        ),
        number(
          'Alerts',
          'short',
          'count(ALERTS{alertname=~"Hauberk.*",alertstate="firing"}) or vector(0)',
          {
            redAt: 1,
          },
        ),
      ],
    },
    {
      title: 'What passes',
      panels: [
        lines('Requests a second, by service', 'reqps', [REQUESTS, '{{service}}.{{namespace}}']),
        lines('Requests that fail, by service', 'percentunit', [
          `(sum by (service, namespace) (rate(hauberk_requests_total{direction="inbound",${FAILED}}${RATE})) or 0 * ${REQUESTS}) / ${REQUESTS}`,
          '{{service}}.{{namespace}}',
        ]),
        lines('Duration of 99 % of requests, by service', 's', [
          `histogram_quantile(0.99, sum by (service, namespace, le) (rate(hauberk_request_duration_seconds_bucket{direction="inbound"}${RATE})))`,
          '{{service}}.{{namespace}}',
        ]),
      ],
    },
    {
      title: 'Who calls whom',
      panels: [
        list(
          'Requests a second',
          'reqps',
          `sum by (service, namespace, peer) (rate(hauberk_requests_total{direction="outbound"}${RATE})) > 0`,
        ),
        list(
          'Connections a second that could not be made',
          'ops',
          `sum by (service, namespace, direction, peer, reason) (rate(hauberk_connections_failed_total${RATE})) > 0`,
        ),
      ],
    },
    {
      title: 'Trust',
      panels: [
        lines('Time left of certificates', 's', [
          'min by (service, namespace) (hauberk_certificate_not_after_timestamp_seconds - time())',
          '{{service}}.{{namespace}}',
        ]),
        lines('Handshakes a second that were refused', 'ops', [
          `sum by (direction, reason) (rate(hauberk_handshakes_refused_total${RATE}))`,
          '{{direction}}: {{reason}}',
        ]),
        lines('Renewals a minute that failed', 'short', [
          `60 * sum by (reason) (rate(hauberk_certificate_renewal_failures_total${RATE}))`,
          '{{reason}}',
        ]),
        list('Versions', 'short', 'count by (role, version) (hauberk_build_info)'),
      ],
    },
  ],
};

const OF_SERVICE = 'namespace="$namespace",service="$service"';
const IN = `direction="inbound",${OF_SERVICE}`;
const OUT = `direction="outbound",${OF_SERVICE}`;

const SERVICE: Dashboard = {
  name: 'service',
  title: 'Service',
  role: 'sidecar',
  variables: ['namespace', 'service'],
  rows: [
    {
      title: 'Called',
      panels: [
        stacked('Requests a second, by status', 'reqps', [
          `sum by (status) (rate(hauberk_requests_total{${IN}}${RATE}))`,
          '{{status}}',
        ]),
        lines('Requests a second, by caller', 'reqps', [
          `sum by (peer) (rate(hauberk_requests_total{${IN}}${RATE}))`,
          '{{peer}}',
        ]),
        durations('Duration of requests', 'hauberk_request_duration_seconds', IN),
        lines(
          'Refused a second, by reason',
          'ops',
          [
            `sum by (reason) (rate(hauberk_connections_failed_total{${IN}}${RATE}))`,
            'connections: {{reason}}',
          ],
          [
            `sum by (reason) (rate(hauberk_requests_denied_total{${OF_SERVICE}}${RATE}))`,
            'requests: {{reason}}',
          ],
        ),
      ],
    },
    {
      title: 'Calls',
      panels: [
        lines('Requests a second, by called', 'reqps', [
          `sum by (peer) (rate(hauberk_requests_total{${OUT}}${RATE}))`,
          '{{peer}}',
        ]),
        durations('Duration of requests', 'hauberk_request_duration_seconds', OUT),
        durations('Time to connect', 'hauberk_connect_seconds', OUT),
        lines('Connections a second that could not be made', 'ops', [
          `sum by (peer, reason) (rate(hauberk_connections_failed_total{${OUT}}${RATE}))`,
          '{{peer}}: {{reason}}',
        ]),
      ],
    },
    {
      title: 'Connections',
      panels: [
        lines('Open', 'short', [
          `sum by (direction) (hauberk_connections_open{${OF_SERVICE}})`,
          '{{direction}}',
        ]),
        lines(
          'Bytes a second',
          'Bps',
          [
            `sum by (direction) (rate(hauberk_bytes_sent_total{${OF_SERVICE}}${RATE}))`,
            '{{direction}}, sent',
          ],
          [
            `sum by (direction) (rate(hauberk_bytes_received_total{${OF_SERVICE}}${RATE}))`,
            '{{direction}}, received',
          ],
        ),
        lines('In plaintext a second', 'ops', [
          `sum by (direction) (rate(hauberk_passthrough_connections_total{${OF_SERVICE}}${RATE}))`,
          '{{direction}}',
        ]),
        lines('Tunnels', 'short', [
          `sum by (direction) (hauberk_tunnels_open{${OF_SERVICE}})`,
          '{{direction}}',
        ]),
      ],
    },
    {
      title: 'Sidecars',
      panels: [
        lines('Time left of certificates', 's', [
          `hauberk_certificate_not_after_timestamp_seconds{${OF_SERVICE}} - time()`,
          '{{instance}}',
        ]),
        lines('Connected to a control plane', 'short', [
          `hauberk_control_plane_connected{${OF_SERVICE}}`,
          '{{instance}}',
        ]),
      ],
    },
    { title: 'Processes', panels: processPanels(OF_SERVICE) },
  ],
};

const CP = 'role="control-plane"';

const CONTROL_PLANE: Dashboard = {
  name: 'control-plane',
  title: 'Control plane',
  rows: [
    {
      title: 'Now',
      panels: [
        number('Sidecars connected', 'short', `sum(hauberk_sidecars_connected{${CP}})`),
        number('Sidecars lost', 'short', `max(hauberk_sidecars_lost{${CP}})`, { redAt: 1 }),
        number(
          'Root expires in',
          's',
          `min(hauberk_root_not_after_timestamp_seconds{${CP}} - time())`,
          {
            redBelow: 30 * 86_400,
          },
        ),
        number(
          'Issuer expires in',
          's',
          `min(hauberk_issuer_not_after_timestamp_seconds{${CP}} - time())`,
          {
            redBelow: 7 * 86_400,
          },
        ),
        number('Addresses in conflict', 'short', `max(hauberk_address_conflicts{${CP}})`, {
          redAt: 1,
        }),
        number('Mesh configuration', 'short', `max(hauberk_mesh_config_version{${CP}})`),
        number('Rotation waits for', 'short', `max(hauberk_root_rotation_waiting{${CP}})`),
      ],
    },
    {
      title: 'Certificates',
      panels: [
        stacked('Issued a second', 'ops', [
          `sum by (proof) (rate(hauberk_certificates_issued_total{${CP}}${RATE}))`,
          '{{proof}}',
        ]),
        lines('Refused a second', 'ops', [
          `sum by (reason) (rate(hauberk_issue_refused_total{${CP}}${RATE}))`,
          '{{reason}}',
        ]),
        durations('Time of an issue', 'hauberk_issue_seconds', CP),
        stacked('Join tokens', 'short', [`max by (state) (hauberk_tokens{${CP}})`, '{{state}}']),
      ],
    },
    {
      title: 'Sync',
      panels: [
        lines('Sidecars connected', 'short', [`hauberk_sidecars_connected{${CP}}`, '{{instance}}']),
        durations('Time of a push', 'hauberk_push_seconds', CP),
        lines('Version of the mesh', 'short', [`hauberk_view_version{${CP}}`, '{{instance}}']),
        lines('Calls refused a second', 'ops', [
          // A label of the target has the name `service` already.
          `sum by (exported_service, reason) (rate(hauberk_calls_refused_total{${CP}}${RATE}))`,
          '{{exported_service}}: {{reason}}',
        ]),
      ],
    },
    {
      title: 'Trouble',
      panels: [
        lines('Warnings and errors of the log, a minute', 'short', [
          `60 * sum by (level) (rate(hauberk_log_lines_total{${CP}}${RATE}))`,
          '{{level}}',
        ]),
        lines('Files that cannot be used', 'short', [
          `sum by (file) (increase(hauberk_reloads_refused_total{${CP}}[$__range]))`,
          '{{file}}',
        ]),
        lines('Addresses that were dialled, a second', 'ops', [
          `sum by (outcome) (rate(hauberk_address_dials_total{${CP}}${RATE}))`,
          '{{outcome}}',
        ]),
        lines('Dashboard: refused a second', 'ops', [
          `sum by (reason) (rate(hauberk_dashboard_refused_total{${CP}}${RATE}))`,
          '{{reason}}',
        ]),
      ],
    },
    { title: 'Processes', panels: processPanels(CP) },
  ],
};

const GW = 'role="gateway",namespace="$namespace",service="$service"';

const GATEWAY: Dashboard = {
  name: 'gateway',
  title: 'Gateway',
  role: 'gateway',
  variables: ['namespace', 'service'],
  rows: [
    {
      title: 'Now',
      panels: [
        number(
          'Requests a second',
          'reqps',
          `sum(rate(hauberk_gateway_requests_total{${GW}}${RATE}))`,
        ),
        number('Connections open', 'short', `sum(hauberk_gateway_connections_open{${GW}})`),
        number(
          'First certificate to expire',
          's',
          `min(hauberk_gateway_certificate_not_after_timestamp_seconds{${GW}} - time())`,
          { redBelow: 3 * 86_400 },
        ),
        number(
          'Reloads refused',
          'short',
          `sum(increase(hauberk_gateway_reloads_total{${GW},outcome="refused"}[$__range]))`,
          { redAt: 1 },
        ),
      ],
    },
    {
      title: 'Requests',
      panels: [
        stacked('A second, by status', 'reqps', [
          `sum by (status) (rate(hauberk_gateway_requests_total{${GW}}${RATE}))`,
          '{{status}}',
        ]),
        lines('A second, by listener', 'reqps', [
          `sum by (listener) (rate(hauberk_gateway_requests_total{${GW}}${RATE}))`,
          '{{listener}}',
        ]),
        durations('Duration', 'hauberk_gateway_request_seconds', GW),
        lines('Refused or failed, a second', 'ops', [
          `sum by (listener, reason) (rate(hauberk_gateway_requests_refused_total{${GW}}${RATE}))`,
          '{{listener}}: {{reason}}',
        ]),
      ],
    },
    {
      title: 'Connections from outside',
      panels: [
        lines('Accepted a second', 'ops', [
          `sum by (listener) (rate(hauberk_gateway_connections_accepted_total{${GW}}${RATE}))`,
          '{{listener}}',
        ]),
        lines('Open', 'short', [
          `sum by (listener) (hauberk_gateway_connections_open{${GW}})`,
          '{{listener}}',
        ]),
        lines('Ended by the gateway, a second', 'ops', [
          `sum by (listener, reason) (rate(hauberk_gateway_connections_refused_total{${GW}}${RATE}))`,
          '{{listener}}: {{reason}}',
        ]),
        lines('Time left of certificates', 's', [
          `hauberk_gateway_certificate_not_after_timestamp_seconds{${GW}} - time()`,
          '{{listener}} of {{instance}}',
        ]),
      ],
    },
    {
      title: 'To services',
      panels: [
        lines('Connections a second, by service', 'ops', [
          `sum by (peer) (rate(hauberk_connections_opened_total{${GW},direction="outbound"}${RATE}))`,
          '{{peer}}',
        ]),
        lines('That could not be made', 'ops', [
          `sum by (peer, reason) (rate(hauberk_connections_failed_total{${GW},direction="outbound"}${RATE}))`,
          '{{peer}}: {{reason}}',
        ]),
      ],
    },
    { title: 'Processes', panels: processPanels(GW) },
  ],
};

/** All of them. */
export const DASHBOARDS: readonly Dashboard[] = [MESH, SERVICE, CONTROL_PLANE, GATEWAY];
