/**
 * The policy of a mesh changes under load, again and again. What it does not allow any more is cut
 * within a second, with a reset on both sides; nothing else notices.
 */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import test from 'ava';
import { within } from '../../helpers/deadline.ts';
import { carryingNothing } from '../../helpers/gauges.ts';
import { startHttpApp } from '../../helpers/servers/http-app.ts';
import { getOnce, startHttpLoad } from '../../helpers/clients/http-load.ts';
import { startMesh } from '../../helpers/mesh/mesh.ts';
import { echo, startTcpApp } from '../../helpers/servers/tcp-app.ts';
import { connectTcp, endOf, readText } from '../../helpers/clients/tcp-client.ts';

const OPEN = 'authorization: {allow: mesh}\n';
const CLOSED_TO_JOB = `authorization:
  allow: mesh
  rules:
    - name: no-jobs
      action: deny
      from: ['job*.default']
      to: [api.default]
      ports: [7000, 8080]
`;
const FLIPS = 3;

test('what is not allowed any more is cut, and nothing else', async (t) => {
  const mesh = await startMesh(t);
  const http = await startHttpApp(t, 'api');
  const tcp = await startTcpApp(t, echo);
  const expose = [7000, 7001].map((port) => `${port}=127.0.0.1:${tcp.port}`);
  const api = await mesh.sidecar({
    service: 'api',
    expose: [...expose, `8080=127.0.0.1:${http.port}`],
  });
  const upstreams = ['api:7000', 'api:7001', 'api:8080'];
  const web = await mesh.sidecar({ service: 'web', upstreams });
  const job = await mesh.sidecar({ service: 'job', upstreams });
  const [webTcp = 0, , webHttp = 0] = web.upstreamPorts;
  const [jobTcp = 0, jobOther = 0, jobHttp = 0] = job.upstreamPorts;
  const file = path.join(mesh.directory, 'mesh.yaml');
  const apply = async (document: string): Promise<number> => {
    await writeFile(file, document);
    const { code, stdout, stderr } = await mesh.admin(['apply', '-f', file, '--json']);
    t.is(code, 0, stderr);
    const outcome = JSON.parse(stdout);
    t.deepEqual(outcome.sidecars, { connected: 3, reached: 3 });
    return outcome.version;
  };

  const load = startHttpLoad(t, { port: webHttp, paceMs: 2 });
  const staying = await connectTcp(t, webTcp);
  const beside = await connectTcp(t, jobOther);
  await load.more(50);
  for (let flip = 0; flip < FLIPS; flip += 1) {
    const victim = await connectTcp(t, jobTcp);
    victim.write('hello');
    t.is(await readText(victim, 5), 'hello');
    const cut = endOf(victim).then((end) => ({ end, atMs: Date.now() }));

    const version = await apply(CLOSED_TO_JOB);
    const { end, atMs } = await within('the connection is cut', cut);
    t.is(end, 'reset', 'nobody takes it for an orderly end');
    const changed = await mesh.controlPlane.process.logged(
      'mesh-config-changed',
      (line) => line['configVersion'] === version,
    );
    const tookMs = atMs - Date.parse(String(changed['time']));
    t.log(`cut ${tookMs} ms after the change`);
    await t.throwsAsync(getOnce(jobHttp), undefined, 'and no new one is let in');

    await load.more(50);
    await apply(OPEN);
    t.is(await getOnce(jobHttp), 'api');
  }

  staying.write('still here');
  t.is(await readText(staying, 10), 'still here');
  beside.write('me too');
  t.is(await readText(beside, 6), 'me too', 'a port that no rule is about');
  staying.end();
  beside.end();
  t.is(await endOf(staying), 'end');
  t.is(await endOf(beside), 'end');
  const { failures } = await load.stop();
  t.deepEqual(failures, []);
  const [seen] = await carryingNothing([api, web, job]);
  const peer = 'spiffe://mesh.local/ns/default/sa/job';
  const closed = { direction: 'inbound', reason: 'denied' };
  t.is(seen?.sum('hauberk_connections_closed_total', { ...closed, peer }), FLIPS);
  t.is(seen?.sum('hauberk_connections_closed_total', closed), FLIPS, 'nobody else was cut');
  t.true((seen?.sum('hauberk_connections_failed_total', { reason: 'denied-rule', peer }) ?? 0) > 0);
  const line = await api.process.logged('stream-cut');
  t.like(line, { peer, reason: 'denied-rule' });
  t.regex(line.msg ?? '', /the rule no-jobs denies it$/);
});
