import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import { mayReject } from '../../../common/ignored.ts';
import { createGuard } from '../../../common/guard.ts';
import { openCertificateAuthority } from '../../../control-plane/ca/certificate-authority.ts';
import { makeControlPlaneId } from '../../../control-plane/leader/control-plane-id.ts';
import { openControlPlanes } from '../../../control-plane/leader/control-planes.ts';
import { openMeshView, type MeshView } from '../../../control-plane/registry/mesh-view.ts';
import {
  openRegistry,
  type Arrival,
  type Registration,
  type Registry,
} from '../../../control-plane/registry/registry.ts';
import { openSightings } from '../../../control-plane/registry/sightings.ts';
import type { SidecarRecord } from '../../../control-plane/registry/sidecar-record.ts';
import { openSqliteStore } from '../../../control-plane/store/sqlite/sqlite-store.ts';
import { StoreError } from '../../../control-plane/store/store-error.ts';
import type { Store } from '../../../control-plane/store/store.ts';
import { createKeyedMutex } from '../../../control-plane/keyed-mutex.ts';
import { createLogRecorder, type LogRecorder } from '../../helpers/log-recorder.ts';
import { createManualClock, type ManualClock } from '../../helpers/manual-clock.ts';
import { temporaryDirectory } from '../../helpers/machine/temporary-directory.ts';

/** One life of a control plane, as far as the registry goes. */
export interface Life {
  readonly store: Store;
  readonly view: MeshView;
  readonly registry: Registry;
  connect(
    record?: Partial<SidecarRecord>,
    connection?: Partial<Pick<Arrival, 'onReplaced' | 'hasEnded'>>,
  ): Promise<Registration>;
  /** From now on what the registry asks the store waits. */
  holdStore(): Hold;
  /** Ends like a process that is killed: nothing is said to the store. */
  end(): Promise<void>;
}

/** A store that does not answer. */
export interface Hold {
  /** Whatever waits, and whatever is asked then, fails. */
  fail(): void;
  /** It answers again. */
  end(): void;
}

/** Lives on the same store. */
export interface Rig {
  readonly clock: ManualClock;
  readonly log: LogRecorder;
  /** One life of a control plane on the same store, after the one before or at the same time as another. */
  readonly start: (beside?: Life) => Promise<Life>;
}

/** Everything ends with the test. */
export async function rig(t: ExecutionContext): Promise<Rig> {
  const directory = await temporaryDirectory();
  const clock = createManualClock();
  const log = createLogRecorder();
  const { logger } = log;
  const lives: Life[] = [];
  t.teardown(async () => {
    for (const life of lives.toReversed()) await life.end();
    await directory[Symbol.asyncDispose]();
  });
  return {
    clock,
    log,
    async start(beside) {
      const id = makeControlPlaneId();
      const path = join(directory.path, 'x.db');
      const store = beside?.store ?? (await openSqliteStore({ path, clock, logger }));
      await openCertificateAuthority({ store, clock, logger, trustDomain: 'mesh.local' });
      const view = await openMeshView({ store, clock, logger });
      const guard = createGuard({ clock, logger });
      const mutex = createKeyedMutex();
      const alone = {
        store,
        clock,
        logger,
        softwareVersion: '1',
        id,
        exclusive: beside === undefined,
      };
      const controlPlanes = await openControlPlanes(alone);
      const sightings = await openSightings({ store, clock, logger, guard, controlPlanes });
      const held = holdable(store);
      const registry = await openRegistry({
        store: held.store,
        view,
        clock,
        logger,
        guard,
        mutex,
        controlPlanes,
        sightings,
      });
      const life: Life = {
        store,
        view,
        registry,
        connect: (record, connection) => registry.connect({ ...arrival(record), ...connection }),
        holdStore: held.hold,
        async end() {
          registry.close();
          await view.close();
          if (beside === undefined) await store.close();
        },
      };
      lives.push(life);
      return life;
    },
  };
}

const arrival = (record: Partial<SidecarRecord> = {}): Arrival => ({
  record: {
    instanceId: 'web-1',
    spiffeId: 'spiffe://mesh.local/ns/shop/sa/web',
    addresses: ['10.0.0.1'],
    hbonePort: 15_008,
    ports: [8080],
    anyPort: false,
    softwareVersion: '1',
    ...record,
  },
  certificateSerial: 'abc',
  certificateNotAfterMs: 0,
  onReplaced: () => undefined,
  hasEnded: () => false,
});

const HELD: ReadonlySet<string | symbol> = new Set<keyof Store>(['get', 'transact', 'grantLease']);

function holdable(store: Store): { readonly store: Store; readonly hold: () => Hold } {
  let answering: Promise<void> | undefined;
  const held = new Proxy(store, {
    get(target, name) {
      const value: unknown = Reflect.get(target, name);
      if (typeof value !== 'function') return value;
      if (!HELD.has(name)) return value.bind(target) as unknown;
      return async (...args: readonly unknown[]): Promise<unknown> => {
        await answering;
        return await (value.apply(target, args) as Promise<unknown>);
      };
    },
  });
  const hold = (): Hold => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    answering = promise;
    mayReject(promise);
    return {
      fail: () => reject(new StoreError('unavailable', 'the store does not answer')),
      end() {
        resolve();
        answering = undefined;
      },
    };
  };
  return { store: held, hold };
}
