import type { ExecutionContext } from 'ava';
import { createSyncHub, PUSH_INTERVAL_MS } from '../../../../control-plane/api/sync/hub.ts';
import type { SidecarRecord } from '../../../../control-plane/registry/sidecar-record.ts';
import { SyncResponse } from '../../../../proto/gen/hauberk/v1/discovery.ts';
import { rig } from '../../registry/registry-under-test.ts';

/** A stream that takes each message at once, or when the test says so. */
export function subscriber({ takes = true, before = (): void => {} } = {}) {
  const messages: Buffer[] = [];
  const decoded: SyncResponse[] = [];
  let take: (() => void) | undefined;
  return {
    messages,
    decoded,
    /** What each message was: its kind, its version, and the sidecars in it. */
    get told(): string[] {
      return decoded.map(({ change, version }) => {
        if (change?.$case === 'snapshot') {
          return `snapshot ${version}: ${change.value.endpoints.map((one) => one.instanceId).join()}`;
        }
        if (change?.$case !== 'delta') return `something else: ${change?.$case}`;
        const { upserted, removed } = change.value;
        const ids = [
          ...upserted.map(({ instanceId }) => instanceId),
          ...removed.map((id) => `-${id}`),
        ];
        return `delta ${version}: ${ids.join()}`;
      });
    },
    take(): void {
      const done = take;
      take = undefined;
      done?.();
    },
    send(message: Buffer, done: () => void): void {
      before();
      messages.push(message);
      decoded.push(SyncResponse.decode(message));
      if (takes) done();
      else take = done;
    },
  };
}

/** A hub over a view that sidecars join; it ends with the test. */
export async function underTest(t: ExecutionContext) {
  const { clock, log, start } = await rig(t);
  const { view, connect, store } = await start();
  const observed: number[] = [];
  const pushSeconds = { observe: (value: unknown) => void observed.push(Number(value)) };
  const hub = createSyncHub({ view, clock, pushSeconds });
  t.teardown(() => hub.close());
  const base = view.version;
  return {
    clock,
    log,
    view,
    store,
    hub,
    observed,
    /** The versions of messages are counted from here. */
    base,
    join: (instanceId: string, record: Partial<SidecarRecord> = {}) =>
      connect({ instanceId, ...record }),
    pass: () => clock.advance(PUSH_INTERVAL_MS),
  };
}
