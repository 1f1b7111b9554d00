import {
  CONTROL_PLANE,
  MARKER,
  PART_LABEL,
  podName,
  sidecarName,
  stateVolume,
  tokenVolume,
} from './layout-names.ts';
import { httpHealthCheck } from './health-check.ts';
import type { AddedService, PlanOptions } from './layout.ts';
import type { Project, Service } from '../read/project.ts';
import { STARTED } from '../read/read-references.ts';
import { treat } from './treatment.ts';
import type { PlainMap } from '../yaml/yaml-fields.ts';

/**
 * A dependency on a part of the same instance: `docker compose restart` restarts it first and waits for it, which
 * it does along such dependencies alone. Compose 1 does not know them.
 */
export function whenHealthy(composeV1: boolean): PlainMap {
  return { condition: 'service_healthy', ...(composeV1 ? {} : { restart: true }) };
}

/**
 * The image with Hauberk in it. One without a registry in its name was built here: `docker compose pull` would look
 * for it elsewhere.
 */
export function ownImage(image: string): PlainMap {
  return image.includes('/') ? { image } : { image, pull_policy: 'never' };
}

/** The user that the rules know sidecars by; the image has it. */
export const SIDECAR_UID = '15337';

/** User and group of the sidecars and the control plane. */
export const SIDECAR_USER = `${SIDECAR_UID}:${SIDECAR_UID}`;

/** Where the image keeps state, in a folder of that user. */
export const STATE_DIRECTORY = '/var/lib/hauberk';

/** How every program of Hauberk runs but the pod. */
export const CONFINED = {
  init: true,
  restart: 'unless-stopped',
  read_only: true,
  cap_drop: ['ALL'],
  security_opt: ['no-new-privileges:true'],
};

/** Whether the application sees the addresses of its clients. */
export function preservesClients({ annotations }: Service): boolean {
  return annotations['client-address'] === 'preserve';
}

/**
 * A sidecar that calls in the name of clients has one capability. The engine gives none to a user who is not root,
 * so it begins as root, and keeps that one alone.
 */
const NET_RAW = '-all,+net_raw';
const WITH_NET_RAW = [
  'setpriv',
  `--reuid=${SIDECAR_UID}`,
  `--regid=${SIDECAR_UID}`,
  '--clear-groups',
  `--inh-caps=${NET_RAW}`,
  `--ambient-caps=${NET_RAW}`,
  `--bounding-set=${NET_RAW}`,
  'hauberk',
];

const CONFINED_BUT_NET_RAW = {
  ...CONFINED,
  // It would stay root.
  init: false,
  user: '0:0',
  cap_add: ['NET_RAW', 'SETUID', 'SETGID', 'SETPCAP'],
};

const TOKEN_DIRECTORY = '/run/hauberk/token';

/** The sidecar of an instance: in the pod's namespace, without any capability. */
export function planSidecar(
  project: Project,
  service: Service,
  instance: string,
  { image, composeV1 }: PlanOptions,
): AddedService {
  const treatment = treat(project, service);
  const { identity, ingress } =
    treatment.kind === 'meshed' ? treatment : { identity: service.name, ingress: [] };
  const { annotations, profiles } = service;
  const trustDomain = project.annotations['trust-domain'];
  const outbound = annotations.outbound ?? project.annotations.outbound;
  const permissive = annotations.permissive ?? project.annotations.permissive ?? false;
  const excluded = annotations['exclude-ports'] ?? [];
  const told = annotations['forward-client-cert'] ?? [];
  const opaque = annotations['opaque-ports'] ?? [];
  const preserves = preservesClients(service);
  return {
    name: sidecarName(instance),
    takes: [],
    values: {
      ...ownImage(image),
      entrypoint: preserves ? WITH_NET_RAW : ['hauberk'],
      command: [
        'proxy',
        '--transparent',
        `--namespace=${project.namespace}`,
        `--service=${identity}`,
        `--control-plane=${CONTROL_PLANE}:15012`,
        `--token-file=${TOKEN_DIRECTORY}/token`,
        `--state-dir=${STATE_DIRECTORY}`,
        ...(trustDomain === undefined ? [] : [`--trust-domain=${trustDomain}`]),
        ...(outbound === undefined ? [] : [`--outbound=${outbound}`]),
        ...(permissive ? ['--inbound=permissive'] : []),
        ...(annotations.allow ?? []).map((allowance) => `--allow=${allowance}`),
        ...ingress.map((port) => `--ingress=${port}`),
        ...excluded.map((port) => `--exclude-port=${port}`),
        ...told.map((port) => `--forward-client-cert=${port}`),
        ...opaque.map((port) => `--opaque-port=${port}`),
        ...(preserves ? ['--client-address=preserve'] : []),
      ],
      ...(preserves ? CONFINED_BUT_NET_RAW : { user: SIDECAR_USER, ...CONFINED }),
      healthcheck: httpHealthCheck(15_020, '/healthz/ready'),
      ...(profiles.length === 0 ? {} : { profiles }),
      network_mode: `service:${podName(instance)}`,
      depends_on: {
        [podName(instance)]: whenHealthy(composeV1),
        // Not healthy: one with a certificate works while the control plane does not.
        [CONTROL_PLANE]: STARTED,
      },
      volumes: [
        `${stateVolume(instance)}:${STATE_DIRECTORY}`,
        `${tokenVolume(identity)}:${TOKEN_DIRECTORY}:ro`,
      ],
      labels: { [PART_LABEL]: 'sidecar' },
      [MARKER]: 'sidecar',
    },
  };
}
