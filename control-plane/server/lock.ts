import { Registry as MetricsRegistry } from 'prom-client';
import type { UnlockKey } from '../../common/config/unlock-key.ts';
import { describeError } from '../../common/errors.ts';
import { mayReject } from '../../common/ignored.ts';
import type { DrainOutcome } from '../../common/lifecycle.ts';
import { registerInternalErrors } from '../../common/metrics/internal-errors.ts';
import { registerProcessMetrics } from '../../common/metrics/process-metrics.ts';
import { startTelemetryServer } from '../../common/metrics/telemetry-server.ts';
import {
  serveControlSocket,
  type ControlAnswer,
  type ControlRequest,
} from '../../common/rpc/control-socket.ts';
import { KeysError } from '../keys/keys-error.ts';
import { openVault, sealEverything } from '../keys/vault.ts';
import type { StoreError } from '../store/store-error.ts';
import type { ControlPlaneDependencies, Settings } from './control-plane.ts';
import { startControlPlane } from './server.ts';
import { openStorage } from './storage/open-storage.ts';
import type { Storage } from './storage/storage.ts';
import { createKeyedMutex } from '../keyed-mutex.ts';

/** A control plane that may be locked and unlocked while it runs. */
export interface LockableControlPlane extends AsyncDisposable {
  readonly state: 'locked' | 'unlocked';
  /** Rejects when a change of phase could not be ended in any way, or the store was moved: nothing is served any more. */
  readonly failed: Promise<never>;
  drainAndClose(forced?: AbortSignal): Promise<DrainOutcome>;
}

/** What runs now. */
interface Phase {
  readonly state: 'locked' | 'unlocked';
  /** Ports, so that the next phase is found where this one was. */
  readonly ports: {
    readonly grpc: number;
    readonly http: number;
    readonly bundle: number | undefined;
    readonly dashboard: number | undefined;
  };
  drainAndClose(forced?: AbortSignal): Promise<DrainOutcome>;
  /** Throws KeysError `keys-locked`. */
  backup(): Promise<Buffer>;
}

/**
 * Starts a control plane, or one that is locked when its keys are and nothing was given to unlock them:
 *
 *     locked: health only, says that it is locked, issues nothing
 *        │ ^
 *   unlock lock          rekey: everything is sealed again between two unlocked phases
 *        v │
 *     unlocked: the control plane
 *
 * Each change of phase is a restart of everything, so that nothing above the store knows of locks, and
 * no key stays in memory: sidecars connect again, and their traffic does not notice. One that fails,
 * because a file of the settings is wrong by now, leads to `locked`, where it can be tried again.
 */
export async function startLockable(
  settings: Settings,
  shared: ControlPlaneDependencies,
  unlockKey: UnlockKey | undefined,
): Promise<LockableControlPlane> {
  const { logger, guard } = shared;
  const mutex = createKeyedMutex();
  const { promise: started, resolve: hasStarted } = Promise.withResolvers<void>();
  const dependencies = {
    ...shared,
    onRekeyed: () =>
      guard.promise(
        'store',
        // There is no phase to end before the first one has begun.
        started.then(() => mutex.run('phase', () => lockAfterRekey())),
      ),
    onMoved: (why: StoreError) =>
      guard.promise(
        'store',
        started.then(() => mutex.run('phase', () => endAfterMove(why))),
      ),
  };
  let key = unlockKey;
  let phase = await start(settings, dependencies, key);
  const { promise: failed, reject: fail } = Promise.withResolvers<never>();
  mayReject(failed);

  /** The same place as before, although the settings may have let the system choose. */
  const here = (): Settings => ({
    ...settings,
    grpcListen: { ...settings.grpcListen, port: phase.ports.grpc },
    httpListen: { ...settings.httpListen, port: phase.ports.http },
    bundleListen: settings.bundleListen && {
      ...settings.bundleListen,
      port: phase.ports.bundle ?? settings.bundleListen.port,
    },
    dashboardListen: dashboardPlace(settings.dashboardListen, phase.ports.dashboard),
  });
  /** The phase before has ended. */
  const restart = async (next: UnlockKey | undefined): Promise<void> => {
    const place = here();
    try {
      phase = await start(place, dependencies, next);
      key = next;
    } catch (error) {
      const line = { event: 'restart-failed', err: error };
      logger.error(line, `the control plane could not start again: ${describeError(error)}`);
      key = undefined;
      try {
        phase = await start(place, dependencies, undefined);
      } catch (second) {
        phase = ended(phase);
        fail(second);
      }
      throw error;
    }
  };
  const enter = async (next: UnlockKey | undefined): Promise<void> => {
    await phase.drainAndClose();
    await restart(next);
    logger.warn({ event: `keys-${phase.state}` }, `the keys of the mesh are now ${phase.state}`);
  };
  /** Another control plane has encrypted the keys with a key that is not known here. */
  const lockAfterRekey = async (): Promise<void> => {
    if (phase.state === 'unlocked') await enter(undefined);
  };
  /** Nothing is left to do here, with any key. */
  const endAfterMove = async (why: StoreError): Promise<void> => {
    await phase.drainAndClose();
    phase = ended(phase);
    fail(why);
  };
  const rekey = async (next: UnlockKey): Promise<string | undefined> => {
    await phase.drainAndClose();
    const outcome = await withStore(settings, dependencies, async ({ store, history }) => {
      const vault = await openVault(store, key);
      const { modRevision } = await sealEverything(store, vault, next);
      return history?.(modRevision);
    }).then(
      (note) => ({ key: next, note }),
      (error: unknown) => ({ key, error }),
    );
    await restart(outcome.key);
    if ('error' in outcome) throw outcome.error;
    return outcome.note;
  };
  const change = async ({ command, unlockKey: given }: ControlRequest): Promise<string> => {
    switch (command) {
      case 'unlock':
        if (phase.state === 'unlocked') return 'the keys are unlocked already';
        // Tried before anything ends: a wrong one must change nothing.
        await withStore(settings, dependencies, ({ store }) => openVault(store, given));
        await enter(given);
        return 'the keys are unlocked';
      case 'lock':
        if (phase.state === 'locked') return 'the keys are locked already';
        if (key === undefined) {
          const sentence = 'the keys are not encrypted, and cannot be locked';
          const hint = 'encrypt them with `hauberk ca rekey`, or start with --unlock-key-file';
          throw new KeysError('keys-not-encrypted', sentence, { hint });
        }
        await enter(undefined);
        return 'the keys are locked; nothing is issued until `hauberk ca unlock`';
      case 'backup':
        return 'backed up';
      case 'state':
        return phase.state;
      case 'rekey':
        if (phase.state === 'locked' || given === undefined) {
          throw new KeysError('keys-locked', 'the keys are locked', {
            hint: 'run `hauberk ca unlock` first',
          });
        }
        return [
          'the keys are encrypted with the new passphrase or key file; the next start needs it',
          (await rekey(given)) ?? [],
        ]
          .flat()
          .join('; ');
    }
  };
  const handle = async (request: ControlRequest): Promise<ControlAnswer> => {
    const message = await change(request);
    const payload = request.command === 'backup' ? await phase.backup() : Buffer.alloc(0);
    return { message, payload };
  };
  const socket = await serveControlSocket(settings.dataDir, (request) =>
    mutex.run('phase', () => handle(request)),
  );
  hasStarted();
  return {
    get state() {
      return phase.state;
    },
    failed,
    async drainAndClose(forced) {
      await socket.close();
      return mutex.run('phase', () => phase.drainAndClose(forced));
    },
    async [Symbol.asyncDispose]() {
      await socket.close();
      await mutex.run('phase', () => phase.drainAndClose());
    },
  };
}

async function start(
  settings: Settings,
  dependencies: ControlPlaneDependencies,
  key: UnlockKey | undefined,
): Promise<Phase> {
  try {
    const controlPlane = await startControlPlane(settings, dependencies, key);
    const { grpcPort: grpc, httpPort: http, bundlePort: bundle } = controlPlane;
    const ports = { grpc, http, bundle, dashboard: controlPlane.dashboardPort };
    return {
      state: 'unlocked',
      ports,
      backup: () => controlPlane.backup(),
      drainAndClose: (forced) => controlPlane.drainAndClose(forced),
    };
  } catch (error) {
    if (error instanceof KeysError && error.code === 'keys-locked') {
      return startLocked(settings, dependencies, error);
    }
    throw error;
  }
}

/** Serves nothing; it is over. */
function ended({ ports }: Phase): Phase {
  return {
    state: 'locked',
    ports,
    drainAndClose: () => Promise.resolve('idle'),
    backup: () => Promise.reject(new KeysError('keys-locked', 'the control plane has ended')),
  };
}

async function startLocked(
  settings: Settings,
  { logger, guard }: ControlPlaneDependencies,
  { message, hint }: KeysError,
): Promise<Phase> {
  const registry = new MetricsRegistry();
  registerProcessMetrics(registry);
  registerInternalErrors(registry, guard);
  const reason = `${message}; nothing is issued`;
  const http = await startTelemetryServer({
    ...settings.httpListen,
    name: 'http',
    registry,
    logger,
    health: () => ({ ok: true, reasons: [reason] }),
    ready: () => ({ ok: false, reasons: [reason] }),
  });
  logger.warn({ event: 'locked', dataDir: settings.dataDir }, `${reason}; ${hint ?? ''}`);
  return {
    state: 'locked',
    ports: {
      grpc: settings.grpcListen.port,
      http: http.port,
      bundle: settings.bundleListen?.port,
      dashboard: undefined,
    },
    async backup() {
      throw new KeysError('keys-locked', message, { hint: 'run `hauberk ca unlock` first' });
    },
    async drainAndClose() {
      await http.close();
      return 'idle';
    },
  };
}

function dashboardPlace(
  given: Settings['dashboardListen'],
  port: number | undefined,
): Settings['dashboardListen'] {
  if (given === undefined || given === 'off') return given;
  return { ...given, port: port ?? given.port };
}

async function withStore<T>(
  settings: Settings,
  dependencies: ControlPlaneDependencies,
  job: (storage: Storage) => Promise<T>,
): Promise<T> {
  const storage = await openStorage(settings, dependencies);
  try {
    return await job(storage);
  } finally {
    await storage.close();
  }
}
