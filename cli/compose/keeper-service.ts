import { KEEPER, MARKER } from './layout-names.ts';
import type { AddedService, PlanOptions } from './layout.ts';

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
      image,
      entrypoint: ['hauberk'],
      command: ['keeper'],
      // The socket belongs to root, and to a group that has another number on every host.
      user: '0:0',
      init: true,
      restart: 'unless-stopped',
      read_only: true,
      cap_drop: ['ALL'],
      security_opt: ['no-new-privileges:true'],
      // That of the image asks a control plane or a sidecar.
      healthcheck: { disable: true },
      network_mode: 'none',
      volumes: [SOCKET],
      [MARKER]: 'keeper',
    },
  };
}
