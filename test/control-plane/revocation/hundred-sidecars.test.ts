/**
 * A hundred sidecars follow the mesh over real streams; a revocation is with each of them within a
 * second of the operator's command.
 */
import { join } from 'node:path';
import test from 'ava';
import { systemClock } from '../../../common/clock.ts';
import { parseSpiffeId } from '../../../common/pki/spiffe-id.ts';
import { createSyncClient } from '../../../proxy/discovery/sync-client.ts';
import { openSavedView } from '../../../proxy/discovery/saved-view.ts';
import { within } from '../../helpers/deadline.ts';
import { createLogRecorder } from '../../helpers/log-recorder.ts';
import { REPORT } from '../../helpers/sync-under-test.ts';
import { temporaryDirectory } from '../../helpers/temporary-directory.ts';
import { startControlPlaneUnderTest } from '../control-plane-under-test.ts';

const SIDECARS = 100;

test('a revocation reaches a hundred sidecars within a second', async (t) => {
  const cp = await startControlPlaneUnderTest(t, { clock: systemClock });
  const { trustDomain, roots } = cp.operator;
  const { logger } = createLogRecorder();
  const directory = await temporaryDirectory();
  // After the sidecars have let go of it: the last one that is registered runs first.
  t.teardown(() => directory[Symbol.asyncDispose]());
  const client = await cp.enrol('shop', 'client');
  const clients = await Promise.all(
    Array.from({ length: SIDECARS }, async (_, at) => {
      const identity = {
        current: () => ({ ...client, bundle: { trustDomain, version: 1, roots } }),
        onChange: () => () => undefined,
      };
      const saved = await openSavedView({
        stateDirectory: join(directory.path, `${at}`),
        bundle: () => identity.current().bundle,
        clock: systemClock,
        logger,
      });
      const sync = createSyncClient({
        identity,
        controlPlane: { host: '127.0.0.1', port: cp.controlPlane.grpcPort },
        instanceId: `client-${at}`,
        softwareVersion: '1',
        hello: () => ({ addresses: ['127.0.0.1'], hbonePort: 0, ports: [], anyPort: false }),
        report: () => REPORT,
        onBundle: () => undefined,
        saved,
        clock: systemClock,
        logger,
        random: () => 0.5,
      });
      const arrived = new Promise<number>((resolve) => {
        saved.revocations.onChange(() => resolve(performance.now()));
      });
      return { sync, arrived };
    }),
  );
  t.teardown(() => Promise.all(clients.map(({ sync }) => sync.close())));
  await within('all are connected', Promise.all(clients.map(({ sync }) => sync.tried)));
  t.true(clients.every(({ sync }) => sync.connected));

  const { namespace, service } = parseSpiffeId('spiffe://mesh.local/ns/shop/sa/web');
  const startMs = performance.now();
  await cp.admin.revoke({ kind: 'identity', namespace, service });
  const arrivals = await within(
    'every sidecar knows',
    Promise.all(clients.map(({ arrived }) => arrived)),
  );
  const slowestMs = Math.round(Math.max(...arrivals) - startMs);
  t.log(`the last of ${SIDECARS} sidecars knew after ${slowestMs} ms`);
  t.true(slowestMs < 1000, `${slowestMs} ms`);
});
