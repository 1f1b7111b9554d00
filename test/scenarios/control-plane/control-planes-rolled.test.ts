/**
 * Two control planes on one store are restarted one after the other, while requests go through the mesh and certificates
 * are renewed. No request fails, every sidecar has a control plane all the time but for moments, and one that
 * starts in between finds its peers. The sidecars are processes; the control planes run here, on one SQLite store.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { systemClock } from '../../../common/clock.ts';
import type { ControlPlane } from '../../../control-plane/server/control-plane.ts';
import { startControlPlane } from '../../../control-plane/server/server.ts';
import { createGuard } from '../../../common/guard.ts';
import {
  openSharedStore,
  startControlPlaneUnderTest,
  type SharedStore,
} from '../../control-plane/control-plane-under-test.ts';
import { eventually } from '../../helpers/deadline.ts';
import { startHauberk } from '../../helpers/mesh/hauberk-process.ts';
import { startHttpApp } from '../../helpers/servers/http-app.ts';
import { startHttpLoad } from '../../helpers/clients/http-load.ts';
import {
  sidecarArguments,
  watchSidecar,
  type Sidecar,
  type SidecarOptions,
} from '../../helpers/mesh/mesh-sidecar.ts';

const LIFETIME_SECONDS = 30;

/** Sidecars that know both control planes. */
async function sidecarStarter(
  t: ExecutionContext,
  addresses: string,
  token: () => Promise<string>,
) {
  const directory = await mkdtemp(path.join(tmpdir(), 'hauberk-rolled-'));
  t.teardown(() => rm(directory, { recursive: true, force: true }));
  return async (options: SidecarOptions): Promise<Sidecar> => {
    const stateDirectory = path.join(directory, options.service);
    const tokenFile = path.join(directory, `${options.service}.token`);
    await writeFile(tokenFile, await token(), { mode: 0o600 });
    const args = sidecarArguments({ ...options, stateDirectory }, addresses);
    const process = startHauberk([...args, `--token-file=${tokenFile}`]);
    t.teardown(() => process.end('SIGKILL'));
    await process.logged('sync-connected');
    return watchSidecar(process, { ...options, stateDirectory });
  };
}

/** A control plane that can be started again where it was. */
async function restartable(t: ExecutionContext, shared: SharedStore) {
  const first = await startControlPlaneUnderTest(t, {
    shared,
    clock: systemClock,
    leafLifetimeSeconds: LIFETIME_SECONDS,
  });
  let running: ControlPlane = first.controlPlane;
  const { grpcPort } = running;
  return {
    first,
    address: `127.0.0.1:${grpcPort}`,
    async restart() {
      await running.drainAndClose();
      running = await startControlPlane(first.settings(grpcPort), {
        clock: systemClock,
        logger: shared.log.logger,
        guard: createGuard({ clock: systemClock, logger: shared.log.logger }),
        sharedStore: shared.store,
      });
      t.teardown(() => running[Symbol.asyncDispose]());
    },
  };
}

test('a rolling restart of the control planes costs nobody a request', async (t) => {
  const shared = await openSharedStore(t, systemClock);
  const one = await restartable(t, shared);
  const two = await restartable(t, shared);
  const startSidecar = await sidecarStarter(t, `${one.address},${two.address}`, () =>
    one.first.token('default'),
  );
  const app = await startHttpApp(t, 'api');
  const api = await startSidecar({ service: 'api', expose: [`8080=127.0.0.1:${app.port}`] });
  const web = await startSidecar({ service: 'web', upstreams: ['api:8080'] });
  const [port = 0] = web.upstreamPorts;
  const load = startHttpLoad(t, { port, keepAlive: false, paceMs: 5 });
  const connected = async (sidecars: readonly Sidecar[]): Promise<void> => {
    for (const sidecar of sidecars) {
      await eventually('a control plane for each sidecar', async () => {
        const samples = await sidecar.metrics();
        return samples.sum('hauberk_control_plane_connected') === 1 || undefined;
      });
    }
  };
  await load.more(50);
  const renewalsBefore = (await web.metrics()).sum('hauberk_certificate_renewals_total');

  await one.restart();
  await connected([api, web]);
  await load.more(100);
  const late = await startSidecar({ service: 'late', upstreams: ['api:8080'] });
  await two.restart();
  await connected([api, web, late]);
  await load.more(100);
  await eventually('a renewal', async () => {
    const renewals = (await web.metrics()).sum('hauberk_certificate_renewals_total');
    return renewals > renewalsBefore || undefined;
  });
  await load.more(50);
  const { requests, failures, bodies } = await load.stop();
  t.deepEqual(failures, []);
  t.is(bodies.get('api'), requests);
  for (const sidecar of [api, web, late]) {
    t.is((await sidecar.metrics()).sum('hauberk_connections_failed_total'), 0);
  }
});
