/**
 * A mesh that is being upgraded: a sidecar of a version before reports and questions is connected beside newer ones. Every
 * command goes on with what the others tell, and says that this one does not.
 */
import test from 'ava';
import { startHttpApp } from '../../helpers/servers/http-app.ts';
import { startHttpLoad } from '../../helpers/clients/http-load.ts';
import { startMesh } from '../../helpers/mesh/mesh.ts';
import { OLDER_VERSION, startOlderSidecar } from '../../helpers/mesh/older-sidecar.ts';

const API = 'spiffe://mesh.local/ns/default/sa/api';
const SILENT =
  /^1 of 3 sidecars do not report what passes them: they are of an older version, or do not answer; hauberk check names the versions\n/m;
const UNABLE = /^1 of 3 sidecars cannot tell what passes them: they are of an older version/m;

test('commands tell what newer sidecars report, and that an older one does not', async (t) => {
  t.timeout(240_000);
  const mesh = await startMesh(t);
  const app = await startHttpApp(t, 'api');
  await mesh.sidecar({ service: 'api', expose: [`8080=127.0.0.1:${app.port}`] });
  const web = await mesh.sidecar({ service: 'web', upstreams: ['api:8080'] });
  const older = await startOlderSidecar(t, mesh, { namespace: 'default', service: 'legacy' });
  const load = startHttpLoad(t, { port: web.upstreamPorts[0] ?? 0, concurrency: 1, paceMs: 20 });
  await load.more(5);
  const run = async (...args: readonly string[]) => {
    const { code, stdout, stderr } = await mesh.admin(args);
    t.is(code, 0, `${args.join(' ')}: ${stderr}`);
    return { stdout, stderr };
  };

  const edges = await run('edges', '--window=1s');
  t.regex(edges.stdout, /^web\.default +api\.default:8080 +mTLS /m);
  t.regex(edges.stderr, SILENT);
  const stat = await run('stat', '--window=1s', '--json');
  t.like(JSON.parse(stat.stdout).services, [{ service: API, instances: 1, success: 1 }]);
  t.regex(stat.stderr, SILENT);
  const alone = await run('edges', '--window=1s', '--service=web');
  t.is(alone.stderr, '', 'who asks for others is not told of it');

  const top = await run('top', '--interval=1s', '--count=4');
  t.regex(top.stdout, /\d edges?, 2 of 3 sidecars report, by requests\n/);
  t.regex(top.stdout, SILENT);

  const tap = await run('tap', '--count=1');
  t.regex(tap.stderr, UNABLE);
  t.regex(tap.stderr, /^2 sidecars look; /m);
  const narrow = await run('tap', '--from=web', '--count=1');
  t.regex(narrow.stderr, /^1 sidecar looks; Ctrl\+C ends it\n$/);

  const status = await run('status', '--json');
  const listed = JSON.parse(status.stdout).sidecars.find(
    ({ instance }: { instance: string }) => instance === older.instanceId,
  );
  t.like(listed, { connected: true, version: OLDER_VERSION, conflicts: [] });
  t.regex((await run('status')).stdout, /legacy/);
  t.regex(
    (await run('describe', 'legacy')).stdout,
    new RegExp(OLDER_VERSION.replaceAll('.', '\\.')),
  );

  const { stdout: checked } = await mesh.admin(['check']);
  t.regex(checked, /1 sidecar of version 0\.0\.9.*legacy\.default \(legacy-old\)/);
  t.regex(checked, /1 sidecar of an older version cannot tell/);
  t.regex(
    checked,
    /every sidecar has taken in what it was told/,
    'it acknowledges as it always did',
  );

  const asked = await mesh.admin(['proxy-config', older.instanceId]);
  t.not(asked.code, 0);
  t.regex(asked.stderr, /legacy-old is of a version that does not know this question.*upgrade it/s);
  t.true(older.ignored.includes('watch'), 'it was asked, as the new ones are');
  t.false(older.ignored.includes('question'), 'it was asked nothing that it would leave open');
  t.deepEqual((await load.stop()).failures, []);
});
