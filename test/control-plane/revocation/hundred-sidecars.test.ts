/**
 * A hundred sidecars follow the mesh over real streams; a revocation, and a change of the policy, is with
 * each of them within a second of the operator's command.
 */
import { join } from 'node:path';
import test from 'ava';
import { systemClock } from '../../../common/clock.ts';
import { momentOf } from '../../../common/dates.ts';
import { peerSpiffeId } from '../../../common/pki/peer.ts';
import { parseSpiffeId } from '../../../common/pki/spiffe-id.ts';
import { createSyncClient } from '../../../proxy/discovery/sync/client.ts';
import { createMeshView } from '../../../proxy/discovery/mutable-view.ts';
import { openSavedView } from '../../../proxy/discovery/saved-view.ts';
import { createPolicySource } from '../../../proxy/policy/policy-source.ts';
import { within } from '../../helpers/deadline.ts';
import { createLogRecorder } from '../../helpers/log-recorder.ts';
import { REPORT } from '../../helpers/mesh/sync-under-test.ts';
import { targetsOf } from '../../helpers/targets.ts';
import { temporaryDirectory } from '../../helpers/machine/temporary-directory.ts';
import { startControlPlaneUnderTest } from '../control-plane-under-test.ts';

const SIDECARS = 100;

test('a revocation, and a policy, reach a hundred sidecars within a second', async (t) => {
  const cp = await startControlPlaneUnderTest(t, { clock: systemClock });
  const { trustDomain, roots } = cp.operator;
  const { logger } = createLogRecorder();
  const directory = await temporaryDirectory();
  // After the sidecars have let go of it: the last one that is registered runs first.
  t.teardown(() => directory[Symbol.asyncDispose]());
  const client = await cp.enrol('shop', 'client');
  const [leaf] = client.chain;
  if (leaf === undefined) throw new Error('expected a certificate');
  const credentials = {
    ...client,
    chain: [leaf, ...client.chain.slice(1)] as const,
    spiffeId: peerSpiffeId(leaf),
    bundle: { trustDomain, version: 1, roots },
    received: momentOf(systemClock),
    lifetimeMs: 3_600_000,
  };
  const clients = await Promise.all(
    Array.from({ length: SIDECARS }, async (_, at) => {
      const identity = {
        current: () => credentials,
        onChange: () => () => undefined,
      };
      const self = parseSpiffeId('spiffe://mesh.local/ns/shop/sa/client');
      const policies = createPolicySource(self, { fallback: 'anybody', rules: [] });
      const saved = await openSavedView({
        view: createMeshView(),
        policies,
        stateDirectory: join(directory.path, `${at}`),
        bundle: () => credentials.bundle,
        clock: systemClock,
        logger,
      });
      const sync = createSyncClient({
        identity,
        controlPlanes: await targetsOf(
          [{ host: '127.0.0.1', port: cp.controlPlane.grpcPort }],
          systemClock,
        ),
        instanceId: `client-${at}`,
        softwareVersion: '1',
        allow: [],
        hello: () => ({ addresses: ['127.0.0.1'], hbonePort: 0, ports: [], anyPort: false }),
        report: () => REPORT,
        onBundle: () => undefined,
        interest: { wanted: undefined, onChange: () => () => undefined },
        saved,
        clock: systemClock,
        logger,
        random: () => 0.5,
      });
      const arrived = new Promise<number>((resolve) => {
        saved.revocations.onChange(() => resolve(performance.now()));
      });
      const closed = new Promise<number>((resolve) => {
        policies.onChange(() => {
          if (policies.mesh?.configVersion === 1) resolve(performance.now());
        });
      });
      return { sync, arrived, closed };
    }),
  );
  t.teardown(() => Promise.all(clients.map(({ sync }) => sync.close())));
  await within('all are connected', Promise.all(clients.map(({ sync }) => sync.tried)));
  t.true(clients.every(({ sync }) => sync.connected));

  const { namespace, service } = parseSpiffeId('spiffe://mesh.local/ns/shop/sa/web');
  const startMs = performance.now();
  await cp.admin.revoke({ kind: 'identity', namespace, service }, { force: true });
  const arrivals = await within(
    'every sidecar knows',
    Promise.all(clients.map(({ arrived }) => arrived)),
  );
  const slowestMs = Math.round(Math.max(...arrivals) - startMs);
  t.log(`the last of ${SIDECARS} sidecars knew after ${slowestMs} ms`);

  const appliedMs = performance.now();
  const document = 'authorization: {allow: none}\n';
  await cp.admin.applyMeshConfig(document, { baseVersion: 0, dryRun: false });
  const closings = await within(
    'every sidecar has the policy',
    Promise.all(clients.map(({ closed }) => closed)),
  );
  const lastMs = Math.round(Math.max(...closings) - appliedMs);
  t.log(`the last of ${SIDECARS} sidecars had the policy after ${lastMs} ms`);
});
