import { systemClock } from '../common/clock.ts';
import { type CommandSpec, variableName } from '../common/config/settings.ts';
import { ConfigError } from '../common/config/config-error.ts';
import { EXIT_CODE } from '../common/config/exit-code.ts';
import { requireDescriptors } from '../common/config/require-descriptors.ts';
import { runCommand, type CommandContext } from '../common/config/run-command.ts';
import { logSettingWarnings, type SettingWarning } from '../common/config/setting-warnings.ts';
import { catchUnguarded, createGuard, guardedClock } from '../common/guard.ts';
import { tellReady } from '../common/process/service-manager.ts';
import { aborted, listenForShutdown } from '../common/process/shutdown.ts';
import { createLogger } from '../common/logging/logger.ts';
import { JoinTokenError } from '../common/pki/join-token/join-token-error.ts';
import { checkProxyConfig, PROXY_SETTINGS, type ProxyConfig } from './config/sidecar.ts';
import { GATEWAY_SETTINGS, memberConfig } from './config/gateway.ts';
import { IdentityError, type IdentityErrorCode } from './identity/identity-error.ts';
import { fixedToken, tokenInFile, type TokenSource } from './identity/token-source.ts';
import { checkCapturingPorts } from './interception/check-ports.ts';
export { initNetns } from './interception/init-netns.ts';
export { tryInterception } from './interception/try-interception.ts';
import { watchNetwork } from './interception/lost-network.ts';
import type { GatewayProgram } from './wiring/gateway-program.ts';

const SPEC: CommandSpec<typeof PROXY_SETTINGS> = {
  name: 'hauberk proxy',
  summary:
    'Runs the sidecar of one application: it gives the application a local port for each service ' +
    'that it calls, lets peers reach the ports that it exposes, and renews its certificate.',
  settings: PROXY_SETTINGS,
  readsFile: true,
  hasLog: true,
  examples: [
    {
      line: 'hauberk proxy --service api --token-file api.token --expose 8080',
      purpose: 'peers may call port 8080 of the api that listens on this host',
    },
    {
      line: 'hauberk proxy --service web --token-file web.token --upstream 127.0.0.1:9000=api:8080',
      purpose: 'web reaches the api by calling 127.0.0.1:9000',
    },
  ],
  notes: [
    'The token is needed once. From then on the sidecar starts from its state directory, even while the control plane is unreachable.',
    'The sidecar waits for a token file that does not exist yet. It reads the file again at every try, so that the token can be replaced; a refused token ends the sidecar, unless the file has another one by then.',
  ],
};

const GATEWAY_SPEC: CommandSpec<typeof GATEWAY_SETTINGS> = {
  name: 'hauberk gateway',
  summary:
    'Runs a gateway: a member of the mesh with listeners for clients outside, whose TCP, TLS and HTTP connections it routes to services of the mesh.',
  settings: GATEWAY_SETTINGS,
  readsFile: true,
  hasLog: true,
  fileSections: ['listeners'],
  examples: [
    {
      line: 'hauberk gateway --service edge --token-file edge.token --config gateway.yaml',
      purpose: 'opens the listeners that gateway.yaml describes',
    },
  ],
  notes: [
    'The listeners of the file, and the certificates that they name, are read again when they change ' +
      'and at SIGHUP. A file that cannot be used changes nothing. Settings take effect at the next start.',
  ],
};

/** Runs a sidecar until SIGTERM, SIGINT or SIGHUP; resolves with the exit code. */
export async function run(context: CommandContext): Promise<number> {
  return await runCommand(SPEC, context, (config, _, warnings) => {
    checkProxyConfig(config);
    if (config.transparent) checkCapturingPorts(config);
    return runMember(config, { name: 'proxy', warnings });
  });
}

/** Runs a gateway until SIGTERM or SIGINT; resolves with the exit code. */
export async function runGateway(context: CommandContext): Promise<number> {
  return await runCommand(GATEWAY_SPEC, context, async (config, _, warnings) => {
    const { gatewayProgram } = await import('./wiring/gateway.ts');
    // Until the listeners are open there is nothing to read again.
    let reload = (): void => {};
    const follow = { file: config.config, onReload: (given: () => void) => (reload = given) };
    const gateway = await gatewayProgram(follow);
    const onReload = (): void => reload();
    const program = { name: 'gateway', gateway, onReload, warnings };
    return await runMember(memberConfig(config), program);
  });
}

const NEVER = new AbortController().signal;

/** For what is still on its way out when everything has been closed. */
const LINGER_MS = 1_000;

interface Program {
  /** As log lines name it. */
  readonly name: string;
  /** What it has to say in its log at first. */
  readonly warnings: readonly SettingWarning[];
  readonly gateway?: GatewayProgram;
  /** Called at SIGHUP; without it SIGHUP ends the program in order. */
  readonly onReload?: () => void;
}

async function runMember(
  config: ProxyConfig,
  { name, onReload, warnings, ...program }: Program,
): Promise<number> {
  requireDescriptors();
  const logger = createLogger({ name, level: config.logLevel });
  logSettingWarnings(logger, warnings);
  const guard = createGuard({ logger, clock: systemClock });
  using net = catchUnguarded(guard);
  using shutdown = listenForShutdown(logger, { onReload });
  const { asked, forced } = shutdown;
  const exitAtOnce = (): never => process.exit(EXIT_CODE.failed);
  forced.addEventListener('abort', exitAtOnce);
  const network = config.transparent
    ? watchNetwork({ clock: guardedClock(systemClock, guard), logger })
    : undefined;
  const lost = network?.lost ?? NEVER;
  const ending = AbortSignal.any([asked, lost]);
  let failed = NEVER;
  try {
    // Loaded here, since applying rules needs none of it and is waited for when a container starts.
    const { startProxy } = await import('./wiring/sidecar.ts');
    const { random } = Math;
    const given = { ...program, clock: systemClock, logger, guard, random, signal: ending };
    const proxy = await startProxy({ ...config, tokens: tokenSource(config) }, given);
    // From now on connections may be open, which must not look as if they had ended well.
    forced.removeEventListener('abort', exitAtOnce);
    ({ failed } = proxy);
    net.serving();
    tellReady({ env: process.env, logger });
    await aborted(AbortSignal.any([ending, failed]));
    // A sidecar that cannot be reached has nothing to wait for.
    await proxy.drainAndClose(AbortSignal.any([forced, lost, failed]));
  } catch (error) {
    if (!ending.aborted) throw translate(error, config);
  } finally {
    network?.close();
  }
  if (!asked.aborted) {
    lost.throwIfAborted();
    failed.throwIfAborted();
  }
  // A handshake with a control plane that swallows packets would keep the process for ever.
  setTimeout(() => process.exit(), LINGER_MS).unref();
  return forced.aborted ? EXIT_CODE.failed : EXIT_CODE.ok;
}

function tokenSource({ token, tokenFile }: ProxyConfig): TokenSource | undefined {
  if (token !== undefined) return fixedToken(variableName('token'), token);
  return tokenFile === undefined ? undefined : tokenInFile(tokenFile);
}

const UNFIT: ReadonlySet<IdentityErrorCode> = new Set<IdentityErrorCode>([
  'token-missing',
  'state-unreadable',
  'state-unwritable',
  'state-locked',
  'state-mode',
  'state-foreign',
]);

/** A state directory or a token that cannot be used is a matter of configuration. */
function translate(error: unknown, { tokenFile }: ProxyConfig): unknown {
  if (error instanceof JoinTokenError) {
    const origin = tokenFile ?? variableName('token');
    const message = `${origin} does not hold a join token: ${error.message}`;
    return new ConfigError('setting-invalid', message, { hint: error.hint, cause: error });
  }
  if (error instanceof IdentityError && UNFIT.has(error.code)) {
    return new ConfigError('setting-invalid', error.message, { hint: error.hint, cause: error });
  }
  return error;
}
