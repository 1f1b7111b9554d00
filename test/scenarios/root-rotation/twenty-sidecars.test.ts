/**
 * Twenty sidecars, requests through several of them, and the root changes under all of it with one
 * command. One sidecar hangs when it begins and is named; one is off and comes back by itself. No
 * request fails.
 */
import test from 'ava';
import { startHttpApp } from '../../helpers/servers/http-app.ts';
import { startHttpLoad } from '../../helpers/clients/http-load.ts';
import { startMesh, type Sidecar } from '../../helpers/mesh/mesh.ts';
import { caStatus, rotationIs } from './ca-status.ts';

/** Besides the two with an application, the one that hangs and the one that is off. */
const OTHERS = 16;
/** So many start at a time. */
const AT_ONCE = 4;

test('the root of twenty sidecars is rotated under load, and no request fails', async (t) => {
  t.timeout(300_000, 'twenty processes start on a machine with other things to do');
  const mesh = await startMesh(t);
  const app = await startHttpApp(t, 'api');
  const expose = [`8080=127.0.0.1:${app.port}`];
  const [api, second, hanging, off] = await Promise.all([
    mesh.sidecar({ service: 'api', expose }),
    mesh.sidecar({ service: 'api', expose }),
    mesh.sidecar({ service: 'hanging' }),
    mesh.sidecar({ service: 'off' }),
  ]);
  const others: Sidecar[] = [];
  while (others.length < OTHERS) {
    const names = Array.from({ length: AT_ONCE }, (_, at) => `web-${others.length + at}`);
    const upstreams = ['api:8080'];
    others.push(
      ...(await Promise.all(names.map((service) => mesh.sidecar({ service, upstreams })))),
    );
  }
  const before = await caStatus(mesh);
  const loads = others
    .slice(0, 6)
    .map(({ upstreamPorts: [port = 0] }, at) =>
      startHttpLoad(t, { port, concurrency: 2, keepAlive: at % 2 === 0, paceMs: 20 }),
    );
  await Promise.all(loads.map((load) => load.more(10)));

  await off.process.end('SIGKILL');
  hanging.process.signal('SIGSTOP');
  t.teardown(() => hanging.process.signal('SIGCONT'));
  const command = mesh.admin(['ca', 'rotate'], { deadlineMs: 150_000 });
  await rotationIs(mesh, 'the one that hangs is named', {
    phase: 'prepared',
    blockers: ['hanging'],
  });
  hanging.process.signal('SIGCONT');
  await rotationIs(mesh, 'the certificate of the one that is off is all that is left', {
    phase: 'signing',
    blockers: ['off'],
  });
  const back = await mesh.revive(off);
  const { code, stdout, stderr } = await command;
  t.deepEqual([code, stderr], [0, '']);
  t.regex(stdout, /phase 1 of 2, prepared: \d+ of \d+ sidecars trust both roots/);
  t.regex(stdout, /\nhanging +default +\S+ +yes/, 'by name');
  t.regex(stdout, /phase 2 of 2, signing: \d+ of \d+ certificates in use chain to the new root/);
  t.regex(stdout, /\ndone: the root is \w{50}\n$/);
  const after = await caStatus(mesh);
  t.not(after.rootDigest, before.rootDigest);
  t.true(stdout.includes(after.rootDigest));

  await Promise.all(loads.map((load) => load.more(10)));
  for (const load of loads) {
    const { failures, bodies, requests } = await load.stop();
    t.deepEqual(failures, []);
    t.is(bodies.get('api'), requests);
  }
  for (const { process } of [api, second, hanging, back, ...others]) {
    t.deepEqual(
      process.log.filter(({ event }) => event === 'renewal-failed'),
      [],
    );
  }
});
