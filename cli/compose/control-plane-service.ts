import { httpHealthCheck } from './health-check.ts';
import { CONTROL_PLANE, DATA_VOLUME, MARKER, tokenVolume } from './layout-names.ts';
import type { AddedService, PlanOptions } from './layout.ts';
import { podsWithFixedAddresses } from './fixed-addresses.ts';
import { startAfter } from './read-references.ts';
import type { Project } from './project.ts';
import { SIDECAR_USER, STATE_DIRECTORY } from './sidecar-service.ts';
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
      image,
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
      init: true,
      restart: 'unless-stopped',
      read_only: true,
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
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
