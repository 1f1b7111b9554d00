/** The address that the demo prints shows its mesh, as long as the demo runs. */
import test from 'ava';
import { eventually } from '../../helpers/deadline.ts';
import { askDashboard, signedIn, signInWith } from '../../helpers/dashboard/dashboard-client.ts';
import { startHauberk } from '../../helpers/mesh/hauberk-process.ts';
import { temporaryDirectory } from '../../helpers/machine/temporary-directory.ts';

/** Seven processes start, on machines with two cores. */
const START_MS = 60_000;

interface Mesh {
  readonly services: readonly { readonly service: string; readonly connected: number }[];
}

test('the demo prints the address of its dashboard, and serves it until it ends', async (t) => {
  t.timeout(120_000);
  await using temporary = await temporaryDirectory();
  const demo = startHauberk(['demo'], { env: { TMPDIR: temporary.path } });
  t.teardown(() => demo.end('SIGKILL'));
  const [, origin = '', code = ''] = await eventually(
    'the address is printed',
    () => /^See it in a browser: (http:\S+)\/sign-in#(\S+)$/m.exec(demo.output()) ?? undefined,
    START_MS,
  );
  const session = await signInWith(origin, code);
  t.is(session.status, 200, session.body);
  const { body } = await askDashboard(origin, '/api/mesh', { headers: { ...signedIn(session) } });
  const { services } = JSON.parse(body) as Mesh;
  t.deepEqual(
    services.map(({ service, connected }) => [service, connected]),
    [
      ['api', 2],
      ['web', 1],
    ],
  );
  const [, controlPlane = '', admin = ''] = await eventually(
    'the variables for commands are printed',
    () =>
      /HAUBERK_CONTROL_PLANE=(\S+) HAUBERK_ADMIN=(\S+) HAUBERK_NAMESPACE=demo$/m.exec(
        demo.output(),
      ) ?? undefined,
  );
  const status = startHauberk(['status', '--json'], {
    env: { HAUBERK_CONTROL_PLANE: controlPlane, HAUBERK_ADMIN: admin },
  });
  t.is(await status.exited, 0, status.output());
  t.true(status.output().includes('"api"'));
  t.is(await demo.end('SIGINT'), 0);
  await t.throwsAsync(askDashboard(origin, '/'), { code: 'ECONNREFUSED' });
});
