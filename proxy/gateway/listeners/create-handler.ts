import type { ListenerHandler } from '../handler.ts';
import { createHttpHandler, type HttpHandlerDependencies } from '../http/http-handler.ts';
import type { LoadedListener } from '../file/load.ts';
import { createPassthroughHandler } from '../connections/passthrough.ts';
import { createTcpHandler } from '../connections/tcp.ts';
import { createTlsHandler } from '../connections/terminated.ts';

/** Makes what a listener of the file does. Throws ConfigError for certificates that cannot be used. */
export function createHandler(
  { config, files }: LoadedListener,
  dependencies: HttpHandlerDependencies,
): ListenerHandler {
  switch (config.protocol) {
    case 'TCP':
      return createTcpHandler(config, dependencies);
    case 'TLS': {
      const { tls, routes } = config;
      return tls.mode === 'Passthrough'
        ? createPassthroughHandler(routes, dependencies)
        : createTlsHandler({ tls, routes }, files, dependencies);
    }
    case 'HTTP':
    case 'HTTPS':
      return createHttpHandler(config, files, dependencies);
  }
}
