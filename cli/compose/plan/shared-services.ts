import { httpHealthCheck } from './health-check.ts';
import { CONTROL_PLANE, DATA_VOLUME, KEEPER, MARKER, tokenVolume } from './layout-names.ts';
import type { AddedService, PlanOptions } from './layout.ts';
import { podsWithFixedAddresses } from './fixed-addresses.ts';
import { startAfter } from '../read/read-references.ts';
import type { Project } from '../read/project.ts';
import { CONFINED, ownImage, SIDECAR_USER, STATE_DIRECTORY } from './sidecar-service.ts';
import { treat } from './treatment.ts';

const TOKENS_DIRECTORY = '/run/hauberk/tokens';

/**
 * The control plane. It is on every network that a meshed service is on, and routes nothing, so no
 * network becomes reachable from another.
 */
export function planControlPlane(project: Project, { image }: PlanOptions): AddedService {
  const { annotations, namespace } = project;
  const networks = new Set<string>();
  const identities = new Set<string>();
  for (const service of project.services.values()) {
    const treatment = treat(project, service);
    if (treatment.kind !== 'meshed') continue;
    identities.add(treatment.identity);
    for (const { network } of service.attachments) networks.add(network);
  }
  const trustDomain = annotations['trust-domain'];
  const lifetime = annotations['certificate-lifetime'];
  return {
    name: CONTROL_PLANE,
    takes: [],
    values: {
      ...ownImage(image),
      entrypoint: ['hauberk'],
      command: [
        'control-plane',
        `--data-dir=${STATE_DIRECTORY}`,
        ...(trustDomain === undefined ? [] : [`--trust-domain=${trustDomain}`]),
        ...(lifetime === undefined ? [] : [`--certificate-lifetime=${lifetime}s`]),
        ...[...identities].map(
          (identity) =>
            `--write-token=${namespace}/${identity}=${TOKENS_DIRECTORY}/${identity}/token`,
        ),
      ],
      // So that `docker compose exec hauberk-control-plane hauberk status` needs no flags.
      environment: { HAUBERK_ADMIN: `${STATE_DIRECTORY}/admin.pem` },
      user: SIDECAR_USER,
      ...CONFINED,
      healthcheck: httpHealthCheck(15_014, '/readyz'),
      ...startAfter(podsWithFixedAddresses(project, networks)),
      networks: [...networks],
      volumes: [
        `${DATA_VOLUME}:${STATE_DIRECTORY}`,
        ...[...identities].map(
          (identity) => `${tokenVolume(identity)}:${TOKENS_DIRECTORY}/${identity}`,
        ),
      ],
      [MARKER]: 'control-plane',
    },
  };
}

/** Where engines have their socket; those of users who are not root have it elsewhere. */
const SOCKET = '${HAUBERK_ENGINE_SOCKET:-/var/run/docker.sock}:/var/run/docker.sock';

/**
 * The keeper. It has the socket of the engine, and nothing else: no network, no port, no capability,
 * no file that it could write.
 */
export function planKeeper({ image }: PlanOptions): AddedService {
  return {
    name: KEEPER,
    takes: [],
    values: {
      ...ownImage(image),
      entrypoint: ['hauberk'],
      command: ['keeper'],
      // The socket belongs to root, and to a group that has another number on every host.
      user: '0:0',
      ...CONFINED,
      // That of the image asks a control plane or a sidecar.
      healthcheck: { disable: true },
      network_mode: 'none',
      volumes: [SOCKET],
      [MARKER]: 'keeper',
    },
  };
}
