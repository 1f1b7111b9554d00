import type { Behaviour } from './behaviour.ts';
import { createHttpBehaviour, type HttpBehaviourDependencies } from './http/http-behaviour.ts';
import type { LoadedListener } from './load.ts';
import { createPassthroughBehaviour } from './passthrough.ts';
import { createTcpBehaviour } from './tcp.ts';
import { createTlsBehaviour } from './tls-connections.ts';

/** Makes what a listener of the file does. Throws ConfigError for certificates that cannot be used. */
export function createBehaviour(
  { config, files }: LoadedListener,
  dependencies: HttpBehaviourDependencies,
): Behaviour {
  switch (config.protocol) {
    case 'TCP':
      return createTcpBehaviour(config, dependencies);
    case 'TLS': {
      const { tls, routes } = config;
      return tls.mode === 'Passthrough'
        ? createPassthroughBehaviour(routes, dependencies)
        : createTlsBehaviour({ tls, routes }, files, dependencies);
    }
    case 'HTTP':
    case 'HTTPS':
      return createHttpBehaviour(config, files, dependencies);
  }
}
