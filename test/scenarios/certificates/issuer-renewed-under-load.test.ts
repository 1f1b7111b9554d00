/**
 * The issuer passes half of its life while requests go through, and the next one takes its place. The
 * sidecars renew below it one after the other, so that certificates of both meet: no request fails, and
 * nobody is asked to do anything.
 */
import { readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { connectAdmin } from '../../../cli/admin/client.ts';
import { readAdminCredential } from '../../../cli/admin/credential.ts';
import { createGuard } from '../../../common/guard.ts';
import { systemClock, type Clock } from '../../../common/clock.ts';
import { ISSUER_LIFETIME_MS } from '../../../common/pki/lifetimes.ts';
import { parsePemChain } from '../../../common/pki/pem.ts';
import { openAuthoritySource } from '../../../control-plane/ca/authorities/source.ts';
import { startControlPlane } from '../../../control-plane/server/server.ts';
import { openSqliteStore } from '../../../control-plane/store/sqlite/sqlite-store.ts';
import { DEFAULT_STORE } from '../../helpers/mesh/default-store.ts';
import { eventually } from '../../helpers/deadline.ts';
import { startHauberk } from '../../helpers/mesh/hauberk-process.ts';
import { startHttpApp } from '../../helpers/servers/http-app.ts';
import { startHttpLoad } from '../../helpers/clients/http-load.ts';
import { createLogRecorder } from '../../helpers/log-recorder.ts';
import {
  sidecarArguments,
  watchSidecar,
  type Sidecar,
  type SidecarOptions,
} from '../../helpers/mesh/mesh-sidecar.ts';
import { temporaryDirectory } from '../../helpers/machine/temporary-directory.ts';

const trustDomain = 'mesh.local';
const HOUR_MS = 60 * 60 * 1000;

/** So much is left of the first half of the issuer's life, for everything to start in. */
const LEFT_MS = 20_000;

test('the issuer is replaced under load, and nobody notices', async (t) => {
  const directory = await temporaryDirectory();
  t.teardown(() => directory[Symbol.asyncDispose]());
  const dataDir = path.join(directory.path, 'data');
  const log = createLogRecorder();
  const { logger } = log;

  /** The machine's, but for the hourly chores, which come when the test wants them. */
  const hourly = new Set<() => void>();
  const clock: Clock = {
    ...systemClock,
    after(delayMs, callback) {
      // By either clock: what is left of the hour when it is asked for.
      if (Math.abs(delayMs - HOUR_MS) > 1_000) return systemClock.after(delayMs, callback);
      hourly.add(callback);
      return { cancel: () => void hourly.delete(callback) };
    },
  };
  const store = await openSqliteStore({ path: path.join(dataDir, 'hauberk.db'), clock, logger });
  const bornMs = Date.now() - ISSUER_LIFETIME_MS / 2 + LEFT_MS;
  await openAuthoritySource({ store, trustDomain, nowMs: bornMs });
  await store.close();
  const local = { host: '127.0.0.1', port: 0 };
  const controlPlane = await startControlPlane(
    {
      dataDir,
      ...DEFAULT_STORE,
      grpcListen: local,
      httpListen: local,
      advertise: [],
      trustDomain,
      certificateLifetime: 20,
      renewAfterExpiry: 0,
      operatorRenewal: 0,
      writeToken: [],
      issueWithoutStore: false,
      meshConfig: undefined,
      issuerCert: undefined,
      issuerKey: undefined,
      bundleListen: undefined,
      bundleCert: undefined,
      bundleKey: undefined,
      drainTimeout: 0,
    },
    { clock, logger, guard: createGuard({ clock, logger }) },
  );
  t.teardown(() => controlPlane[Symbol.asyncDispose]());
  const address = { host: '127.0.0.1', port: controlPlane.grpcPort };
  const credential = readAdminCredential(controlPlane.adminFile);
  const admin = connectAdmin({ address, credential });
  t.teardown(() => admin.close());
  const sidecar = async (given: SidecarOptions): Promise<Sidecar> => {
    const { service } = given;
    const stateDirectory = path.join(directory.path, service);
    const options = { ...given, stateDirectory };
    const request = { namespace: 'default', service, ttlSeconds: 600, uses: 1 };
    const tokenFile = path.join(directory.path, `${service}.token`);
    await writeFile(tokenFile, (await admin.createToken(request)).joinToken, { mode: 0o600 });
    const args = sidecarArguments(options, `127.0.0.1:${address.port}`);
    const process = startHauberk([...args, '--token-file', tokenFile]);
    t.teardown(() => process.end('SIGKILL'));
    return await watchSidecar(process, options);
  };
  const issuerOf = async ({ stateDirectory }: Sidecar): Promise<string> => {
    const state = await readFile(path.join(stateDirectory, 'identity.json'), 'utf8');
    const { chain } = JSON.parse(state) as { chain: string };
    return String(parsePemChain(chain)[1]?.serialNumber.toLowerCase());
  };

  const app = await startHttpApp(t, 'api');
  const api = await sidecar({ service: 'api', expose: [`8080=127.0.0.1:${app.port}`] });
  const web = await sidecar({ service: 'web', upstreams: ['api:8080'] });
  const [port = 0] = web.upstreamPorts;
  const loads = [
    startHttpLoad(t, { port, paceMs: 5 }),
    startHttpLoad(t, { port, keepAlive: false, paceMs: 10 }),
  ];
  await Promise.all(loads.map((load) => load.more(20)));
  const { issuerSerial: former } = await admin.getAuthority();
  t.is(await issuerOf(web), former);
  t.is(log.of('issuer-renewed').length, 0);

  const isHalfOver = (): true | undefined =>
    Date.now() > bornMs + ISSUER_LIFETIME_MS / 2 || undefined;
  await eventually('half of its life is over', isHalfOver, 2 * LEFT_MS);
  for (const chore of hourly) chore();
  await eventually('the next issuer', () => log.of('issuer-renewed')[0]);
  const { issuerSerial: next } = await admin.getAuthority();
  t.not(next, former);
  for (const one of [api, web]) {
    await eventually(
      'a certificate below it',
      async () => ((await issuerOf(one)) === next ? true : undefined),
      60_000,
    );
  }
  await Promise.all(loads.map((load) => load.more(100)));
  for (const load of loads) {
    const { requests, failures, bodies } = await load.stop();
    t.deepEqual(failures, []);
    t.is(bodies.get('api'), requests);
  }
  for (const one of [api, web]) {
    const samples = await one.metrics();
    t.is(samples.sum('hauberk_handshakes_refused_total'), 0);
    t.is(samples.sum('hauberk_certificate_renewal_failures_total'), 0);
  }
});
